"""Choose what serves an instance: the wheel's Triton, or the deployed image under Docker."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Protocol

import psutil
from aiodocker import Docker

from mme.errors import MmeError
from mme_local import run_files
from mme_local.aws.control_plane import DeployedContainer
from mme_local.containers.container import ServingContainer
from mme_local.containers.docker.container import OWNER_LABEL, DockerContainer
from mme_local.containers.docker.daemon import connect, docker_errors, has_gpus
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.settings import LocalSettings


class ContainerFactory(Protocol):
    """Makes the containers of one runtime."""

    @property
    def kind(self) -> str:
        """``wheel`` or ``docker``."""

    @property
    def backends(self) -> tuple[str, ...]:
        """Triton's backends that models may name; empty if the image decides."""

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """Return a container that is not started yet.

        Args:
            deployed: Image and environment of the endpoint's model.
            folder: The instance's folder; ``models`` in it holds the unpacked models.
            log: File for its output.
        """

    async def close(self) -> None:
        """Release shared resources, once all containers have stopped."""


async def open_containers(settings: LocalSettings, folder: Path) -> ContainerFactory:
    """Open the kind that `LocalSettings.containers` asks for.

    Args:
        settings: Of the runtime.
        folder: For a private Triton; must not exist.

    Raises:
        MmeError: Docker is required and does not answer, or Triton can't run here.
    """
    if settings.containers != "wheel":
        try:
            return await DockerFactory.open(settings)
        except MmeError:
            if settings.containers == "docker":
                raise
    return WheelFactory(TritonInstallation.create(folder), settings)


class WheelFactory:
    """Serves every image by the Triton of NVIDIA's wheel.

    Args:
        installation: The private Triton.
        settings: Of the runtime.
    """

    kind = "wheel"

    def __init__(self, installation: TritonInstallation, settings: LocalSettings) -> None:
        self._installation = installation
        self._settings = settings

    @property
    def backends(self) -> tuple[str, ...]:
        """Those of the wheel, and ours."""
        return self._installation.backend_names

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """Implement `ContainerFactory.make`; the image is ignored."""
        return TritonProcess(
            self._installation,
            folder,
            deployed.environment,
            start_seconds=self._settings.start_seconds,
            log=log,
        )

    async def close(self) -> None:
        """Do nothing: no resource is shared."""


class DockerFactory:
    """Serves every instance by a container of the deployed image.

    Args:
        docker: The daemon.
        settings: Of the runtime.
        gpus: Whether containers get the machine's GPUs.
    """

    kind = "docker"
    backends: tuple[str, ...] = ()

    def __init__(self, docker: Docker, settings: LocalSettings, *, gpus: bool) -> None:
        self._docker = docker
        self._settings = settings
        self._gpus = gpus
        self._owner = f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"

    @classmethod
    async def open(cls, settings: LocalSettings) -> DockerFactory:
        """Connect to this machine's daemon and remove the containers of killed runtimes.

        Raises:
            MmeError: No daemon answers.
        """
        docker = await connect()
        try:
            with docker_errors():
                filters = json.dumps({"label": [OWNER_LABEL]})
                for container in await docker.containers.list(all=True, filters=filters):
                    if _orphaned(container["Labels"][OWNER_LABEL]):
                        await container.delete(force=True, v=True)
            return cls(docker, settings, gpus=await has_gpus(docker))
        except BaseException:
            await docker.close()
            raise

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """Implement `ContainerFactory.make`."""
        return DockerContainer(
            self._docker,
            deployed.image,
            folder / "models",
            deployed.environment,
            owner=self._owner,
            start_seconds=self._settings.start_seconds,
            log=log,
            gpus=self._gpus,
        )

    async def close(self) -> None:
        """Close the connections to the daemon."""
        await self._docker.close()


def _orphaned(owner: str) -> bool:
    """Whether a container's owner label names a runtime of this machine that does not run any more."""
    try:
        host, pid, started = owner.split(" ")
        return host == socket.gethostname() and not run_files.is_running(int(pid), float(started))
    except ValueError:
        return False

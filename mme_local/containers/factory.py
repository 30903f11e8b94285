"""What serves an instance: the wheel's Triton, or the deployed image under Docker."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Protocol

import psutil
from aiodocker import Docker

from mme.errors import MmeError
from mme_local import run_files as state
from mme_local.aws.control_plane import DeployedContainer
from mme_local.containers.container import ServingContainer
from mme_local.containers.docker.container import OWNER_LABEL, DockerContainer
from mme_local.containers.docker.daemon import connect, docker_errors, has_gpus
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.settings import LocalSettings


class Containers(Protocol):
    """Makes the containers of one runtime."""

    @property
    def kind(self) -> str:
        """``wheel`` or ``docker``."""

    @property
    def backends(self) -> tuple[str, ...]:
        """Triton's backends that models may name; empty where they are the image's own affair."""

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """A container that is not started yet.

        Args:
            deployed: what the endpoint's model says.
            folder: the instance's own; ``models`` in it holds the unpacked models.
            log: the file for its output.
        """

    async def close(self) -> None:
        """Let go of what they shared, once all have stopped."""


async def open_containers(settings: LocalSettings, folder: Path) -> Containers:
    """What the settings ask for: `LocalSettings.containers`.

    Args:
        settings: of the runtime.
        folder: for a private Triton; must not exist.

    Raises:
        MmeError: Docker is asked for and does not answer, or Triton can't run here.
    """
    if settings.containers != "wheel":
        try:
            return await DockerContainers.open(settings)
        except MmeError:
            if settings.containers == "docker":
                raise
    return WheelContainers(TritonInstallation.create(folder), settings)


class WheelContainers:
    """Every image is served by the Triton of NVIDIA's wheel.

    Args:
        installation: the private Triton.
        settings: of the runtime.
    """

    kind = "wheel"

    def __init__(self, installation: TritonInstallation, settings: LocalSettings) -> None:
        self._installation = installation
        self._settings = settings

    @property
    def backends(self) -> tuple[str, ...]:
        """Those of the wheel, and our own."""
        return self._installation.backend_names

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """A Triton with the model's environment; its image is not looked at."""
        return TritonProcess(
            self._installation,
            folder,
            deployed.environment,
            start_seconds=self._settings.start_seconds,
            log=log,
        )

    async def close(self) -> None:
        """Nothing is shared."""


class DockerContainers:
    """Every instance is a container of the deployed image.

    Args:
        docker: the daemon.
        settings: of the runtime.
        gpus: whether containers get the machine's GPUs.
    """

    kind = "docker"
    backends: tuple[str, ...] = ()

    def __init__(self, docker: Docker, settings: LocalSettings, *, gpus: bool) -> None:
        self._docker = docker
        self._settings = settings
        self._gpus = gpus
        self._owner = f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"

    @classmethod
    async def open(cls, settings: LocalSettings) -> DockerContainers:
        """With the daemon of this machine; containers that killed runtimes left are removed.

        Raises:
            MmeError: there is no daemon.
        """
        docker = await connect()
        try:
            with docker_errors():
                filters = json.dumps({"label": [OWNER_LABEL]})
                for container in await docker.containers.list(all=True, filters=filters):
                    if _left_behind(container["Labels"][OWNER_LABEL]):
                        await container.delete(force=True, v=True)
            return cls(docker, settings, gpus=await has_gpus(docker))
        except BaseException:
            await docker.close()
            raise

    def make(self, deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        """A container of the model's image and environment."""
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


def _left_behind(owner: str) -> bool:
    """Whether a runtime of this machine made a container and is gone."""
    try:
        host, pid, started = owner.split(" ")
        return host == socket.gethostname() and not state.is_running(int(pid), float(started))
    except ValueError:
        return False

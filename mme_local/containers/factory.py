"""Choose what serves an instance: a server of this machine, or the deployed image under Docker."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from mme.errors import MmeError
from mme_local import run_files
from mme_local.aws.control_plane import DeployedContainer
from mme_local.containers.container import ServingContainer
from mme_local.containers.docker.container import OWNER_LABEL, DockerContainer
from mme_local.containers.docker.daemon import connect, docker_errors, has_gpus
from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.container import MmsContainer
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.installation import TORCHSERVE, MmsInstallation
from mme_local.containers.mms.torchserve import TorchServeContainer
from mme_local.containers.server_kind import server_kind
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.settings import LocalSettings, ServerKind

_HANDLERS: Final[Mapping[ServerKind, Callable[[Mapping[str, str]], Handler]]] = {
    ServerKind.XGBOOST: handlers.xgboost,
    ServerKind.SCIKIT_LEARN: handlers.scikit_learn,
    ServerKind.PYTORCH: handlers.pytorch,
    ServerKind.TOOLKIT: handlers.inference_toolkit,
    ServerKind.HUGGING_FACE: handlers.hugging_face,
}


@dataclass(frozen=True, slots=True)
class ContainerFactory:
    """Makes the containers of one local endpoint.

    Attributes:
        kind: ``wheel`` or ``docker``.
        backends: Triton's backends that models may name; empty if the image decides.
        make: Returns a container that is not started yet, from image and environment of the endpoint's model,
            the instance's folder (``models`` in it holds the unpacked models) and the file for its output.
            Raises MmeError if nothing here can serve the image.
        close: Releases shared resources, once all containers have stopped.
    """

    kind: str
    backends: tuple[str, ...]
    make: Callable[[DeployedContainer, Path, Path], ServingContainer]
    close: Callable[[], Awaitable[None]]


async def open_containers(settings: LocalSettings, folder: Path) -> ContainerFactory:
    """Open the kind that `LocalSettings.containers` asks for.

    Args:
        settings: Of the local endpoint.
        folder: For a private Triton; must not exist.

    Raises:
        MmeError: Docker is required and does not answer, or Triton can't run here.
    """
    if settings.containers != "wheel":
        try:
            return await _docker(settings)
        except MmeError:
            if settings.containers == "docker":
                raise
    return _wheel(settings, folder)


def _wheel(settings: LocalSettings, folder: Path) -> ContainerFactory:
    """Serve each image by the server of this machine that is like it."""
    installation = TritonInstallation.create(folder)

    def make(deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        seconds, environment = settings.start_seconds, deployed.environment
        kind = server_kind(deployed.image, environment, settings.server_kinds)
        if kind is ServerKind.TRITON:
            return TritonProcess(installation, folder, environment, start_seconds=seconds, log=log)
        handler = _HANDLERS[kind](environment)
        container = TorchServeContainer if handler.server is TORCHSERVE else MmsContainer
        return container(
            MmsInstallation.find(handler.server),
            handler,
            deployed.image,
            folder,
            environment,
            start_seconds=seconds,
            log=log,
            multi_model=deployed.mode == "MultiModel",
        )

    async def close() -> None:
        pass

    return ContainerFactory("wheel", installation.backend_names, make, close)


async def _docker(settings: LocalSettings) -> ContainerFactory:
    """Serve every instance by the deployed image; remove the containers of killed local endpoints first."""
    owner = f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"
    docker = await connect()
    try:
        with docker_errors():
            filters = json.dumps({"label": [OWNER_LABEL]})
            for container in await docker.containers.list(all=True, filters=filters):
                if _orphaned(container["Labels"][OWNER_LABEL]):
                    await container.delete(force=True, v=True)
        gpus = await has_gpus(docker)
    except BaseException:
        await docker.close()
        raise

    def make(deployed: DeployedContainer, folder: Path, log: Path) -> ServingContainer:
        return DockerContainer(
            docker,
            deployed.image,
            folder / "models",
            deployed.environment,
            owner=owner,
            start_seconds=settings.start_seconds,
            log=log,
            gpus=gpus,
        )

    return ContainerFactory("docker", (), make, docker.close)


def _orphaned(owner: str) -> bool:
    """Return whether a container's label names a local endpoint of this machine that has ended."""
    try:
        host, pid, started = owner.split(" ")
        return host == socket.gethostname() and not run_files.is_running(int(pid), float(started))
    except ValueError:
        return False

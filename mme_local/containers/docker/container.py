"""One container of the deployed image as a serving container."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.containers import DockerContainer as EngineContainer

from mme.errors import MmeError
from mme_local.containers.container import ContainerReply
from mme_local.containers.contract import ContractContainer
from mme_local.containers.docker.daemon import docker_errors, has_image
from mme_local.logs import start_failure

PORT: Final = 8080
MODELS: Final = "/opt/ml/models"
"""The folder of unpacked models on SageMaker (AWS developer guide, "mms-container-apis")."""
OWNER_LABEL: Final = "sagemaker-mme.local.owner"
_POLL_SECONDS: Final = 0.05
_LOG_SECONDS: Final = 1.0
"""For the rest of the output after the container has ended."""
_SHARED_MEMORY_BYTES: Final = 1 << 30
"""Of ``/dev/shm``: Docker's default of 64 MiB holds few python models, each of which takes 16 MiB or more."""


class DockerContainer(ContractContainer):
    """Any image that implements SageMaker's multi-model contract, started as SageMaker starts it.

    Its port is published on 127.0.0.1 only. Models are mounted read-only.

    Args:
        docker: The daemon.
        image: Must be on this machine; nothing is pulled.
        models: The instance's folder of unpacked models; made if missing.
        environment: Variables of the deployed model.
        owner: Label by which a later local endpoint finds the containers of a killed one.
        start_seconds: Time limit for ``/ping`` to answer.
        log: File for its output.
        gpus: Whether it gets the machine's GPUs.
    """

    def __init__(
        self,
        docker: Docker,
        image: str,
        models: Path,
        environment: Mapping[str, str],
        *,
        owner: str,
        start_seconds: float,
        log: Path,
        gpus: bool = False,
    ) -> None:
        super().__init__()
        self._docker = docker
        self._image = image
        self._models = models
        self._environment = dict(environment)
        self._owner = owner
        self._start_seconds = start_seconds
        self._log = log
        self._gpus = gpus
        self._container: EngineContainer | None = None
        self._exit: asyncio.Task[int] | None = None
        self._follower: asyncio.Task[None] | None = None

    @property
    def title(self) -> str:
        """What serves."""
        return "the image under Docker"

    @property
    def pid(self) -> int | None:
        """None: its processes belong to the daemon."""
        return None

    async def start(self) -> None:
        """Start it and wait for ``/ping``.

        Raises:
            MmeError: The image is missing, the daemon refuses, or the container ended or did not answer in
                time; the message then has the last line of its output.
        """
        await self.stop()
        if not await has_image(self._docker, self._image):
            raise MmeError(
                f"the image {self._image} is not on this machine",
                hint=f"docker pull {self._image} (for an image in ECR log in first: aws ecr "
                "get-login-password | docker login --username AWS --password-stdin REGISTRY)",
            )
        self._models.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with docker_errors():
                name = f"mme-local-{secrets.token_hex(6)}"
                self._container = container = await self._docker.containers.create(
                    self._specification(), name=name
                )
                await container.start()
            self._exit = asyncio.create_task(_exit_status(container))
            self._follower = asyncio.create_task(self._follow(container))
            async with asyncio.timeout(self._start_seconds):
                await self._until_up(container, self._exit)
        except TimeoutError:
            await self.stop()
            raise start_failure(
                f"the container of {self._image} was not up within {self._start_seconds:g} s",
                self._log,
                hint="give it more time: MME_LOCAL_START_SECONDS",
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """Implement `ServingContainer.load`; the image's user, who may be another one, can read the files."""
        await asyncio.to_thread(_open_to_all, self._models, path)
        return await super().load(handle, target_model, path, seconds)

    async def wait_dead(self) -> int:
        """Return the exit status once it has ended; -1 if the daemon can't tell."""
        if self._exit is None:
            raise RuntimeError("the container was never started")
        exit = self._exit
        await asyncio.wait([exit])
        return -1 if exit.cancelled() else exit.result()

    async def stop(self) -> None:
        """Kill it and delete it. Safe to call twice."""
        self._disconnect()
        container, self._container = self._container, None
        if container is None:
            return
        try:
            with contextlib.suppress(MmeError), docker_errors():  # it, or the daemon, is gone
                await container.delete(force=True, v=True)
        finally:
            # Both end with the container, but would wait for ever if the daemon is gone.
            for task in (self._exit, self._follower):
                if task is not None:
                    await asyncio.wait([task], timeout=_LOG_SECONDS)
                    task.cancel()

    def _specification(self) -> dict[str, Any]:
        environment = self._environment | {
            "SAGEMAKER_MULTI_MODEL": "true",
            "SAGEMAKER_BIND_TO_PORT": str(PORT),
        }
        host: dict[str, Any] = {
            "Binds": [f"{self._models}:{MODELS}:ro"],
            "PortBindings": {f"{PORT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "ShmSize": _SHARED_MEMORY_BYTES,
        }
        if self._gpus:
            host["DeviceRequests"] = [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]
        return {
            "Image": self._image,
            # SageMaker runs `docker run IMAGE serve` (AWS developer guide, "your-algorithms-inference-code").
            "Cmd": ["serve"],
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "ExposedPorts": {f"{PORT}/tcp": {}},
            "Labels": {OWNER_LABEL: self._owner},
            "HostConfig": host,
        }

    async def _until_up(self, container: EngineContainer, exit: asyncio.Task[int]) -> None:
        while not exit.done():
            if self._pool is None:
                with docker_errors():
                    ports = (await container.show())["NetworkSettings"].get("Ports") or {}
                if published := ports.get(f"{PORT}/tcp"):
                    self._connect(int(published[0]["HostPort"]))
            if await self.ping(2):
                return
            await asyncio.sleep(_POLL_SECONDS)
        status = await exit
        if self._follower is not None:
            await asyncio.wait([self._follower], timeout=_LOG_SECONDS)
        raise start_failure(
            f"the container of {self._image} ended at its start with status {status}",
            self._log,
            hint=f"see it end: docker run --rm -e SAGEMAKER_MULTI_MODEL=true {self._image} serve",
        )

    async def _follow(self, container: EngineContainer) -> None:
        with contextlib.suppress(MmeError), docker_errors(), self._log.open("a", buffering=1) as log:
            async for text in container.log(stdout=True, stderr=True, follow=True):
                log.write(text)

    def _path_inside(self, path: Path) -> str:
        return f"{MODELS}/{path.relative_to(self._models).as_posix()}"


def _open_to_all(models: Path, path: Path) -> None:
    """Make a model readable; the instance's folder above stays closed to other users of the machine."""
    for each in (models, path.parent, path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            each.chmod(each.stat().st_mode | (0o555 if each.is_dir() else 0o444))


async def _exit_status(container: EngineContainer) -> int:
    try:
        return int((await container.wait())["StatusCode"])
    except (DockerError, aiohttp.ClientError, OSError):
        return -1

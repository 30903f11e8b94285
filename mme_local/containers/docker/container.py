"""A multi-model image under Docker as a serving container."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mme.errors import MmeError
from mme_local.containers.contract import ContractContainer
from mme_local.containers.docker.engine import DockerEngine
from mme_local.logs import tail

PORT: Final = 8080
MODELS: Final = "/opt/ml/models"
"""Where SageMaker puts unpacked models (AWS developer guide, "mms-container-apis")."""
OWNER_LABEL: Final = "sagemaker-mme_local.owner"
_POLL_SECONDS: Final = 0.05
_SHARED_MEMORY_BYTES: Final = 1 << 30
"""Of ``/dev/shm``: Docker's own 64 MiB hold few python models, each of which takes 16 MiB or more."""


class DockerContainer(ContractContainer):
    """Any image that speaks SageMaker's multi-model contract, started as SageMaker starts it.

    Its port is published on 127.0.0.1 only. Models are mounted read-only.

    Args:
        engine: the daemon.
        image: must lie here already; nothing is pulled.
        models: the instance's folder of unpacked models; made if missing.
        environment: variables of the deployed model.
        owner: whose it is, for the next runtime to find what a killed one left.
        start_seconds: most time until it answers ``/ping``.
        log: the file that its output goes to.
        gpus: whether it gets the machine's GPUs.
    """

    def __init__(
        self,
        engine: DockerEngine,
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
        self._engine = engine
        self._image = image
        self._models = models
        self._environment = dict(environment)
        self._owner = owner
        self._start_seconds = start_seconds
        self._log = log
        self._gpus = gpus
        self._id: str | None = None
        self._ended: asyncio.Task[int] | None = None
        self._follower: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """None: its processes are the daemon's, and not always on this machine's list."""
        return None

    async def start(self) -> None:
        """Start it and wait for ``/ping``.

        Raises:
            MmeError: the image is not here, the daemon refuses, or it ended or did not answer in time; the
                message ends with its output then.
        """
        await self.stop()
        if not await self._engine.has_image(self._image):
            raise MmeError(
                f"the image {self._image} is not on this machine",
                hint=f"docker pull {self._image} (for an image in ECR log in first: aws ecr "
                "get-login-password | docker login --username AWS --password-stdin REGISTRY)",
            )
        self._models.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._id = await self._engine.create(f"mme-local-{secrets.token_hex(6)}", self._specification())
            await self._engine.start(self._id)
            self._ended = asyncio.create_task(self._wait(self._id))
            self._follower = asyncio.create_task(self._follow(self._id))
            async with asyncio.timeout(self._start_seconds):
                await self._until_up(self._id, self._ended)
        except TimeoutError:
            words = self.last_words()
            await self.stop()
            raise MmeError(
                f"the container of {self._image} was not up within {self._start_seconds:g} s\n{words}",
                hint="give it more time: MME_LOCAL_START_SECONDS",
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def wait_dead(self) -> int:
        """Return the exit status once it has ended; -1 where the daemon can't tell."""
        if self._ended is None:
            raise RuntimeError("the container was never started")
        ended = self._ended
        await asyncio.wait([ended])
        return -1 if ended.cancelled() else ended.result()

    async def stop(self) -> None:
        """End it and delete it. Safe to call twice."""
        self._disconnect()
        id, self._id = self._id, None
        if id is None:
            return
        try:
            with contextlib.suppress(MmeError):  # a daemon that is gone has nothing to end
                await self._engine.remove(id)
        finally:
            # Both end with the container; a daemon that is gone leaves them waiting.
            for task in (self._ended, self._follower):
                if task is not None:
                    await asyncio.wait([task], timeout=1)
                    task.cancel()

    def last_words(self) -> str:
        """The end of its output."""
        return tail(self._log)

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

    async def _until_up(self, id: str, ended: asyncio.Task[int]) -> None:
        while not ended.done():
            if self._pool is None:
                port = await self._engine.published(id, PORT)
                if port is not None:
                    self._connect(port)
            if await self.ping(2):
                return
            await asyncio.sleep(_POLL_SECONDS)
        status = await ended
        if self._follower is not None:
            await asyncio.wait([self._follower], timeout=1)  # its last words may be on their way
        raise MmeError(
            f"the container of {self._image} ended at its start with status {status}\n{self.last_words()}"
        )

    async def _wait(self, id: str) -> int:
        try:
            return await self._engine.wait(id)
        except MmeError:
            return -1

    async def _follow(self, id: str) -> None:
        with contextlib.suppress(MmeError), self._log.open("ab", buffering=0) as log:
            async for piece in self._engine.output(id):
                log.write(piece)

    def _path_inside(self, path: Path) -> str:
        return f"{MODELS}/{path.relative_to(self._models).as_posix()}"

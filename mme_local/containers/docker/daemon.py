"""The Docker daemon of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiodocker import Docker, DockerError

from mme.errors import MmeError

_CONNECT_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 60.0


async def connect(environment: Mapping[str, str] | None = None) -> Docker:
    """Connect to the daemon of this machine.

    Args:
        environment: Holds ``DOCKER_HOST``; by default this process's environment.

    Raises:
        MmeError: No daemon answers, or ``DOCKER_HOST`` names another machine.
    """
    socket = _socket(os.environ if environment is None else environment)
    timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS)
    docker = Docker(url=f"unix://{socket}", timeout=timeout)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await docker.version()
    except (DockerError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        await docker.close()
        reason = str(error) or type(error).__name__
        raise MmeError(
            f"no Docker daemon answers at {socket}: {reason}",
            hint="start Docker, or set DOCKER_HOST=unix:///PATH; without Docker: MME_LOCAL_CONTAINERS=wheel",
        ) from None
    return docker


@contextmanager
def docker_errors() -> Iterator[None]:
    """Raise what the daemon refuses, or its absence, as MmeError."""
    try:
        yield
    except (DockerError, aiohttp.ClientError, OSError) as error:
        raise MmeError(
            f"Docker: {str(error) or type(error).__name__}",
            hint="fix it in Docker; `docker info` tells whether the daemon runs",
        ) from None


async def has_image(docker: Docker, image: str) -> bool:
    """Whether the image is on this machine.

    Args:
        docker: The daemon.
        image: Its URI.
    """
    with docker_errors():
        try:
            await docker.images.inspect(image)
        except DockerError as error:
            if error.status == 404:
                return False
            raise
    return True


async def has_gpus(docker: Docker) -> bool:
    """Whether containers can use NVIDIA GPUs."""
    with docker_errors():
        return "nvidia" in (await docker.system.info()).get("Runtimes", {})


def _socket(environment: Mapping[str, str]) -> Path:
    host = environment.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        return Path(host.removeprefix("unix://"))
    if host:
        raise MmeError(
            f"DOCKER_HOST is {host}; the local endpoint needs a daemon on this machine, as it mounts models "
            "from this disk",
            hint="set DOCKER_HOST=unix:///var/run/docker.sock",
        )
    # Then rootless Docker's and Docker Desktop's (Docker manuals, "Rootless mode").
    usual = Path("/var/run/docker.sock")
    others = [
        Path(environment.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock",
        Path(environment.get("HOME", "/nowhere")) / ".docker" / "run" / "docker.sock",
    ]
    return next((path for path in (usual, *others) if path.exists()), usual)

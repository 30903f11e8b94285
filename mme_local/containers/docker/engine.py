"""The Docker daemon of this machine, by its HTTP API over a Unix socket.

Source: Docker Engine API reference, https://docs.docker.com/reference/api/engine/.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from mme.errors import MmeError

_ASK_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 5.0
_FRAME_HEAD: Final = 8
"""Bytes before each piece of a container's output: the stream, three zeros, the length (big-endian)."""


class DockerEngine:
    """A daemon that answers; :meth:`connect` makes one.

    Args:
        socket: its Unix socket.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(socket), limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        )
        self._version = ""

    @classmethod
    async def connect(cls, environment: Mapping[str, str] | None = None) -> DockerEngine:
        """The daemon of this machine.

        Args:
            environment: where ``DOCKER_HOST`` is looked up; by default this process's.

        Raises:
            MmeError: there is none, or it may not be asked.
        """
        socket = _socket(os.environ if environment is None else environment)
        engine = cls(socket)
        try:
            async with (
                asyncio.timeout(_CONNECT_SECONDS),
                engine._session.get("http://docker/_ping") as reply,
            ):
                engine._version = reply.headers.get("Api-Version", "")
                if reply.status == 200 and engine._version:
                    return engine
                reason = f"HTTP {reply.status} {(await reply.text()).strip()}".strip()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        await engine.close()
        raise MmeError(
            f"no Docker daemon answers at {socket}: {reason}",
            hint="start Docker, or set DOCKER_HOST=unix:///PATH; without Docker: MME_LOCAL_CONTAINERS=wheel",
        )

    async def close(self) -> None:
        """Close the connections to it."""
        await self._session.close()

    async def has_image(self, image: str) -> bool:
        """Whether the image lies here."""
        return await self._ask("GET", f"/images/{image}/json", missing=None) is not None

    async def has_gpus(self) -> bool:
        """Whether containers can be given NVIDIA GPUs."""
        found = await self._ask("GET", "/info")
        return "nvidia" in (found or {}).get("Runtimes", {})

    async def create(self, name: str, specification: Mapping[str, Any]) -> str:
        """Make a container; returns its id.

        Args:
            name: unique on this machine.
            specification: the body of ``POST /containers/create``.
        """
        made = await self._ask("POST", "/containers/create", {"name": name}, specification)
        return str(made["Id"])

    async def start(self, id: str) -> None:
        """Start a container."""
        await self._ask("POST", f"/containers/{id}/start")

    async def published(self, id: str, port: int) -> int | None:
        """The port of this machine that leads to a container's; None where it is not running."""
        found = await self._ask("GET", f"/containers/{id}/json", missing={})
        bound = ((found.get("NetworkSettings") or {}).get("Ports") or {}).get(f"{port}/tcp") or []
        return int(bound[0]["HostPort"]) if bound else None

    async def wait(self, id: str) -> int:
        """The exit status of a container, once it has ended."""
        found = await self._ask("POST", f"/containers/{id}/wait", seconds=None)
        return int(found["StatusCode"])

    async def remove(self, id: str) -> None:
        """End a container at once and delete it with its volumes; one that is gone is fine."""
        await self._ask("DELETE", f"/containers/{id}", {"force": "true", "v": "true"}, missing=None)

    async def labelled(self, label: str) -> dict[str, str]:
        """Every container, ended ones too, with a label: its value by id."""
        filters = json.dumps({"label": [label]})
        found = await self._ask("GET", "/containers/json", {"all": "true", "filters": filters})
        return {one["Id"]: one["Labels"][label] for one in found}

    async def output(self, id: str) -> AsyncIterator[bytes]:
        """What a container writes, from its start until it ends.

        Raises:
            MmeError: the daemon refuses, or goes away.
        """
        query = {"follow": "true", "stdout": "true", "stderr": "true"}
        try:
            async with self._session.get(self._url(f"/containers/{id}/logs"), params=query) as reply:
                if reply.status != 200:
                    raise MmeError(f"Docker does not give the output of {id}: HTTP {reply.status}")
                while True:
                    head = await reply.content.readexactly(_FRAME_HEAD)
                    yield await reply.content.readexactly(int.from_bytes(head[4:], "big"))
        except asyncio.IncompleteReadError:
            return
        except (aiohttp.ClientError, OSError) as error:
            raise _gone(error) from None

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        seconds: float | None = _ASK_SECONDS,
        **default: Any,
    ) -> Any:
        """The answer's JSON, None where it is empty; where there is no such thing, `missing` if given."""
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(method, self._url(path), params=query, json=body) as reply,
            ):
                text = await reply.text()
                if reply.status == 404 and "missing" in default:
                    return default["missing"]
                if reply.status < 400:
                    return json.loads(text) if text.strip() else None
        except TimeoutError:
            raise MmeError(f"Docker did not answer {method} {path} within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _gone(error) from None
        raise MmeError(f"Docker refuses {method} {path}: {_message(text) or f'HTTP {reply.status}'}")

    def _url(self, path: str) -> str:
        return f"http://docker/v{self._version}{path}"


def _socket(environment: Mapping[str, str]) -> Path:
    host = environment.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        return Path(host.removeprefix("unix://"))
    if host:
        raise MmeError(
            f"DOCKER_HOST is {host}: the local runtime needs a daemon on this machine, as models are mounted "
            "from its disk",
            hint="set DOCKER_HOST=unix:///var/run/docker.sock",
        )
    # Rootless Docker's, then Docker Desktop's, where there are no others (Docker manuals, "Rootless mode").
    usual = Path("/var/run/docker.sock")
    others = [
        Path(environment.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock",
        Path(environment.get("HOME", "/nowhere")) / ".docker" / "run" / "docker.sock",
    ]
    return next((path for path in (usual, *others) if path.exists()), usual)


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"]).strip()
    except (ValueError, TypeError, KeyError):
        return text.strip()


def _gone(error: Exception) -> MmeError:
    return MmeError(f"the Docker daemon went away: {error or type(error).__name__}")

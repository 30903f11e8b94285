"""An HTTP/1.1 client with persistent connections that takes little CPU time itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Target:
    """One request, sent repeatedly.

    Attributes:
        url: Its URL.
        body: Its payload.
        headers: In addition to Host and Content-Length.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]

    def written(self) -> bytes:
        """Return the request as bytes."""
        parts = urlsplit(self.url)
        lines = [
            f"POST {parts.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Measured:
    """The result for a target.

    Attributes:
        p50: median seconds of a request.
        rate: requests a second.
    """

    p50: float
    rate: float


class Connection:
    """One connection; requests one after the other."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._request = target.written()

    async def __aenter__(self) -> Self:
        parts = urlsplit(self._target.url)
        self._reader, self._writer = await asyncio.open_connection(
            parts.hostname, parts.port, limit=4 * 1024 * 1024
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def ask(self) -> bytes:
        """Send the request and return the response's body. RuntimeError if the status is not 200."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        sizes = [line for line in lines if line[:15].lower() == b"content-length:"]
        body = await self._reader.readexactly(int(sizes[0][15:])) if sizes else b""
        if b" 200 " not in lines[0]:
            raise RuntimeError(f"{lines[0].decode()}: {body[:500].decode(errors='replace')}")
        return body


async def measure(target: Target, connections: int, requests: int) -> Measured:
    """Send requests on several connections at once.

    Args:
        target: The request.
        connections: How many.
        requests: In all, spread evenly over the connections.
    """
    each = max(1, requests // connections)
    seconds: list[float] = []

    async def one() -> None:
        async with Connection(target) as connection:
            await connection.ask()
            await ready.wait()
            for _ in range(each):
                began = time.perf_counter()
                await connection.ask()
                seconds.append(time.perf_counter() - began)

    ready = asyncio.Barrier(connections + 1)
    tasks = [asyncio.create_task(one()) for _ in range(connections)]
    await ready.wait()
    began = time.perf_counter()
    await asyncio.gather(*tasks)
    return Measured(median(seconds), len(seconds) / (time.perf_counter() - began))

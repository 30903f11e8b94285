"""The contract against a server that, as Triton, assigns each connection to one of a few threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mme_local.containers.container import ContainerDiedError, ContainerTimeoutError
from mme_local.containers.contract import ContractContainer

SLOW = ("POST /models ", "DELETE ")


class Threads:
    """A server whose waiting threads answer nothing else and accept no connection.

    The first idle thread accepts every connection, so that as many as possible share it.
    """

    def __init__(self, count: int) -> None:
        self.threads = [asyncio.Lock() for _ in range(count)]
        self.may = asyncio.Event()
        self.waiting = 0
        self.changed = asyncio.Condition()
        self.connections = 0

    async def all_wait(self, count: int) -> None:
        """Return once so many threads wait for a model."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.waiting == count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while all(thread.locked() for thread in self.threads):
                await asyncio.sleep(0.001)
            mine = next(thread for thread in self.threads if not thread.locked())
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = request.lower().partition("content-length: ")[2].partition("\r\n")[0]
                await reader.readexactly(int(length or 0))
                async with mine:
                    if request.startswith(SLOW):
                        await self._wait()
                    line = request.partition("\r\n")[0].encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(line), line))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _wait(self) -> None:
        async with self.changed:
            self.waiting += 1
            self.changed.notify_all()
        await self.may.wait()
        async with self.changed:
            self.waiting -= 1
            self.changed.notify_all()


@asynccontextmanager
async def served(server: Threads) -> AsyncIterator[ContractContainer]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    client = ContractContainer()
    client._connect(listening.sockets[0].getsockname()[1])
    try:
        yield client
    finally:
        client._disconnect()
        listening.close()


async def ask(client: ContractContainer, seconds: float = 30) -> bytes:
    reply = await client.invoke("ab", "model", b"body", {}, seconds)
    return bytes(reply.body)


async def test_unloads_run_concurrently() -> None:
    server = Threads(8)
    async with served(server) as client:
        for _ in range(2):
            server.may.clear()
            unloads = [asyncio.create_task(client.unload(f"{number}", "model")) for number in range(4)]
            await server.all_wait(4)
            server.may.set()
            assert all(reply.ok for reply in await asyncio.gather(*unloads))
        assert server.connections == 4, "the second time needs no further connections"


async def test_an_inference_does_not_wait_for_a_load() -> None:
    server = Threads(3)
    async with served(server) as client:
        # The load shares the thread of this connection.
        assert await ask(client) == b"POST /models/ab/invoke HTTP/1.1"
        load = asyncio.create_task(client.load("cd", "other", Path("/a/path"), 30))
        await server.all_wait(1)
        for _ in range(3):
            assert await ask(client) == b"POST /models/ab/invoke HTTP/1.1"
        assert not load.done()
        server.may.set()
        assert (await load).ok


async def test_an_inference_waits_if_all_threads_are_blocked() -> None:
    server = Threads(2)
    async with served(server) as client:
        unloads = [asyncio.create_task(client.unload(f"{number}", "model")) for number in range(2)]
        await server.all_wait(2)
        with pytest.raises(ContainerTimeoutError):
            await ask(client, 0.2)
        inference = asyncio.create_task(ask(client))
        third = asyncio.create_task(client.unload("3", "model"))
        done, _ = await asyncio.wait({inference, third}, timeout=0.2)
        assert not done
        server.may.set()
        assert await inference == b"POST /models/ab/invoke HTTP/1.1"
        assert all(reply.ok for reply in await asyncio.gather(*unloads, third))


async def test_requests_end_with_the_client() -> None:
    server = Threads(2)
    async with served(server) as client:
        unload = asyncio.create_task(client.unload("ab", "model"))
        await server.all_wait(1)
        client._disconnect()
        for gone in (unload, client.invoke("ab", "model", b"", {}, 1)):
            with pytest.raises(ContainerDiedError):
                await gone
        assert not await client.ping(1)
        server.may.set()

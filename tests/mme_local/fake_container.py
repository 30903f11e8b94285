"""A serving container without a server, whose failures and timing tests control."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mme_local.containers.container import ContainerDiedError, ContainerReply, ContainerTimeoutError


class FakeContainer:
    """Holds up to ``capacity`` models and answers with its handle; events steer its timing."""

    def __init__(self, capacity: int = 1000) -> None:
        self.capacity = capacity
        self.loaded: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.load_gate = asyncio.Event()
        self.load_gate.set()
        self.invoke_gate = asyncio.Event()
        self.invoke_gate.set()
        self.unload_gate = asyncio.Event()
        self.unload_gate.set()
        self.fail_start: Exception | None = None
        self.fail_load: ContainerReply | None = None
        self.fail_invoke: ContainerReply | None = None
        self.running = False
        self.starts = 0
        self._dead = asyncio.Event()

    @property
    def title(self) -> str:
        return "a fake"

    @property
    def pid(self) -> int | None:
        return os.getpid() if self.running else None

    async def start(self) -> None:
        if self.fail_start:
            raise self.fail_start
        self.running = True
        self.starts += 1
        self.loaded.clear()
        self._dead.clear()

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        self.calls[f"load {target_model}"] += 1
        try:
            async with asyncio.timeout(seconds):
                await self.load_gate.wait()
        except TimeoutError:
            raise ContainerTimeoutError("load") from None
        if not self.running:
            raise ContainerDiedError("gone")
        if self.fail_load:
            return self.fail_load
        if handle in self.loaded:
            return ContainerReply(409, b'{"error":"already registered"}', "application/json")
        if len(self.loaded) >= self.capacity:
            return ContainerReply(507, b'{"error":"out of memory"}', "application/json")
        self.loaded[handle] = target_model
        return ContainerReply(200, b"", "application/json")

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        self.calls[f"unload {target_model}"] += 1
        await self.unload_gate.wait()
        gone = self.loaded.pop(handle, None)
        return ContainerReply(200 if gone else 404, b"", "application/json")

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        assert handle in self.loaded, f"{target_model} invoked while it is not loaded"
        self.calls[f"invoke {target_model}"] += 1
        start = self.starts
        try:
            async with asyncio.timeout(seconds):
                await self.invoke_gate.wait()
        except TimeoutError:
            raise ContainerTimeoutError("invoke") from None
        if not self.running or start != self.starts:
            raise ContainerDiedError("gone")
        assert handle in self.loaded, f"{target_model} unloaded while it was in use"
        if self.fail_invoke:
            return self.fail_invoke
        return ContainerReply(200, target_model.encode() + b":" + bytes(body), "text/plain")

    async def wait_dead(self) -> int:
        await self._dead.wait()
        return -9

    def die(self) -> None:
        """End as by SIGKILL."""
        self.running = False
        self._dead.set()

    async def stop(self) -> None:
        self.die()

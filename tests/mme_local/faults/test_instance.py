"""Faults of an instance with a fake container; tests with real Triton are in test_real_faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.container import ContainerDiedError
from mme_local.endpoint.archive_cache import Download, UnpackedArchive
from mme_local.endpoint.instance import Instance
from mme_local.faults.board import FaultBoard
from mme_local.faults.fault import InjectedFault
from mme_local.faults.injection import FaultyContainer, faulty_fetch
from tests.mme_local.an_instance import an_instance, until
from tests.mme_local.fake_container import FakeContainer


class Container(FakeContainer):
    """A container without a process to kill."""

    pid = None


class World:
    """The instance, its container, and what was downloaded."""

    def __init__(self) -> None:
        self.container = Container()
        self.board = FaultBoard()
        self.downloads: list[str] = []
        self.instance: Instance

    def set(self, kind: str, model: str | None = None, **more: Any) -> None:
        self.board.set(InjectedFault.checked({"kind": kind, "model": model, **more}))

    async def call(self, model: str = "a") -> str:
        return (await self.instance.invoke(model, b"x", {})).text

    def fetch(self, download: Download) -> UnpackedArchive:
        self.downloads.append(download.model)
        path = download.folder / "model"
        path.mkdir(parents=True)
        return UnpackedArchive(path, 1000)


@asynccontextmanager
async def started(tmp_path: Path, **settings: Any) -> AsyncIterator[World]:
    world = World()
    faulty: Any = FaultyContainer(world.container, world.board)
    fetch = faulty_fetch(world.board, "s3://bucket/models/", world.fetch)
    async with an_instance(tmp_path, faulty, fetch=fetch, **settings) as world.instance:
        yield world


async def test_a_container_without_a_process_is_stopped_and_restarted(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        await world.call()
        world.set("server-dies")
        with pytest.raises(ContainerDiedError, match="server-dies"):
            await world.call()
        assert await world.call() == "a:x"
        await until(lambda: world.instance.restarts == 1)
        assert world.container.starts == 2


async def test_a_model_that_is_in_use_or_loading_is_not_evicted(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        await world.call("a")
        world.container.invoke_gate.clear()
        world.container.load_gate.clear()
        asked = [asyncio.create_task(world.call(model)) for model in ("a", "b")]
        await until(lambda: world.container.calls["invoke a"] == 2 and world.container.calls["load b"] == 1)
        await world.instance.unload_idle("a")
        await world.instance.unload_idle("b")
        world.container.invoke_gate.set()
        world.container.load_gate.set()
        assert await asyncio.gather(*asked) == ["a:x", "b:x"]
        assert world.downloads == ["a", "b"]

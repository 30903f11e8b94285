"""An instance that meets faults: what its requests end in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.container import ContainerDiedError
from mme_local.endpoint.archive import Artifact
from mme_local.endpoint.archive_cache import Order
from mme_local.endpoint.errors import InvocationError
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from mme_local.faults.board import FaultBoard
from mme_local.faults.container import FaultyContainer
from mme_local.faults.downloads import faulty_fetch
from mme_local.faults.fault import Fault
from tests.mme_local.an_instance import an_instance, states, until
from tests.mme_local.fake_container import FakeContainer


class Container(FakeContainer):
    """Of no process that could be killed."""

    pid = None


class World:
    """The instance, its container, and what was downloaded."""

    def __init__(self) -> None:
        self.container = Container()
        self.board = FaultBoard()
        self.downloads: list[str] = []
        self.instance: Instance

    def set(self, *words: Any, **more: Any) -> None:
        self.board.set(Fault.checked(*words, **more))

    async def call(self, model: str = "a") -> str:
        return (await self.instance.invoke(model, b"x", {})).text

    def fetch(self, order: Order) -> Artifact:
        self.downloads.append(order.model)
        path = order.folder / "model"
        path.mkdir(parents=True)
        return Artifact(path, 1000)


@asynccontextmanager
async def a_world(tmp_path: Path, **settings: Any) -> AsyncIterator[World]:
    world = World()
    faulty: Any = FaultyContainer(world.container, world.board)
    fetch = faulty_fetch(world.board, "s3://bucket/models/", world.fetch)
    async with an_instance(tmp_path, faulty, fetch=fetch, **settings) as world.instance:
        yield world


def test_without_faults_all_is_well(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            assert await world.call() == "a:x"
            world.set("disk-full", "b")
            world.set("stub-unhealthy", "b")
            assert await world.call() == "a:x"

    asyncio.run(story())


def test_a_load_of_507_unloads_others_and_is_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            await world.call("other")
            world.set("load-507", "a", times=1)
            assert await world.call() == "a:x"
            assert list(states(world.instance)) == ["a"]

    asyncio.run(story())


def test_a_load_of_507_without_end_is_the_containers_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            world.set("load-507")
            with pytest.raises(LoadFailedError, match="CUDA out of memory") as caught:
                await world.call()
            assert caught.value.status == 507
            world.board.clear()
            assert await world.call() == "a:x"

    asyncio.run(story())


def test_a_failing_s3_is_a_failed_download_and_a_loaded_model_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            await world.call("loaded")
            world.set("s3-failing")
            with pytest.raises(InvocationError, match=r"bucket: bucket, key: models/a\)") as caught:
                await world.call()
            assert caught.value.name == "ValidationError"
            assert await world.call("loaded") == "loaded:x"

    asyncio.run(story())


def test_a_slow_s3_is_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            world.set("s3-slow", seconds=0.01, times=1)
            assert await world.call() == "a:x"
            assert world.downloads == ["a"]
            assert world.board.describe() == []

    asyncio.run(story())


def test_a_slow_s3_is_a_model_that_is_not_ready_and_leaves_no_thread_behind(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path, invoke_seconds=0.05) as world:
            world.set("s3-slow", seconds=3600)
            with pytest.raises(NotReadyError):
                await world.call()
        assert world.downloads == []

    asyncio.run(story())


def test_a_slow_s3_ends_with_the_time_for_a_load(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path, load_seconds=0.05) as world:
            world.set("s3-slow", seconds=3600)
            with pytest.raises(LoadFailedError, match=r"did not load within 0\.05 s"):
                await world.call()

    asyncio.run(story())


def test_a_full_disk_is_insufficient_storage(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            world.set("disk-full", times=1)
            with pytest.raises(LoadFailedError, match="No space left on device") as caught:
                await world.call()
            assert caught.value.status == 507
            assert await world.call() == "a:x"

    asyncio.run(story())


def test_an_unhealthy_stub_is_the_containers_400(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            world.set("stub-unhealthy", "a")
            reply = await world.instance.invoke("a", b"x", {})
            assert (reply.status, reply.body) == (400, b'{"error":"Stub process \'a_0\' is not healthy."}')
            assert await world.call("b") == "b:x"

    asyncio.run(story())


def test_a_model_that_is_not_ready_is_ready_later(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            world.set("not-ready", times=2)
            for _ in range(2):
                with pytest.raises(NotReadyError):
                    await world.call()
            assert await world.call() == "a:x"

    asyncio.run(story())


def test_a_triton_that_dies_fails_the_request_and_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            await world.call()
            world.set("triton-dies")
            with pytest.raises(ContainerDiedError, match="as a fault asked for"):
                await world.call()
            assert await world.call() == "a:x"
            await until(lambda: world.instance.restarts == 1)
            assert world.container.starts == 2

    asyncio.run(story())


def test_an_idle_model_leaves_memory_and_disk_so_that_its_next_call_loads_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            await world.call("a")
            await world.call("b")
            await world.instance.unload_idle("a")
            await world.instance.unload_idle("nobody")
            assert list(states(world.instance)) == ["b"]
            await world.call("a")
            assert world.downloads == ["a", "b", "a"]

    asyncio.run(story())


def test_a_model_in_use_or_on_its_way_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_world(tmp_path) as world:
            await world.call("a")
            world.container.invoke_gate.clear()
            world.container.load_gate.clear()
            asked = [asyncio.create_task(world.call(model)) for model in ("a", "b")]
            await until(
                lambda: world.container.calls["invoke a"] == 2 and world.container.calls["load b"] == 1
            )
            await world.instance.unload_idle("a")
            await world.instance.unload_idle("b")
            world.container.invoke_gate.set()
            world.container.load_gate.set()
            assert await asyncio.gather(*asked) == ["a:x", "b:x"]
            assert world.downloads == ["a", "b"]

    asyncio.run(story())


def test_the_rest_of_the_container_is_as_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        inner = Container()
        container = FaultyContainer(inner, FaultBoard())
        await container.start()
        assert (inner.running, container.pid, container.log_tail()) == (True, None, "")
        await container.load("h", "a", tmp_path, 1)
        assert (await container.unload("h", "a")).ok
        await container.stop()
        assert await container.wait_dead() == -9

    asyncio.run(story())

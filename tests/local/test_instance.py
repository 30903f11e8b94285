from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mme.local import instance as instances
from mme.local.artifact import Artifact
from mme.local.container import ContainerDiedError, ContainerReply
from mme.local.instance import Instance
from mme.local.load import LoadFailedError, NotReadyError
from mme.local.settings import LocalSettings
from tests.local.fake_container import FakeContainer

MIB = 1024 * 1024


@asynccontextmanager
async def an_instance(
    tmp_path: Path,
    container: FakeContainer,
    *,
    weights: Callable[[str], int] = lambda _: MIB,
    keep_loaded: bool = True,
    **settings: float,
) -> AsyncIterator[Instance]:
    async def fetch(model: str, folder: Path) -> Artifact:
        path = folder / "model"
        path.mkdir(parents=True, exist_ok=True)
        return Artifact(path, weights(model))

    chosen = LocalSettings.model_validate({"weight_factor": 1, "memory_mib": 3} | settings)
    instance = Instance("test/0", container, fetch, tmp_path, chosen, keep_loaded=keep_loaded)
    await instance.start()
    try:
        yield instance
    finally:
        await instance.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def test_the_first_request_loads_and_the_second_finds_it(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"
            assert (await instance.invoke("a", b"2", {})).body == b"a:2"
        assert container.calls["load a"] == 1

    asyncio.run(story())


def test_concurrent_requests_share_one_load(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            replies = await asyncio.gather(*(instance.invoke("a", b"%d" % n, {}) for n in range(20)))
        assert [reply.body for reply in replies] == [b"a:%d" % n for n in range(20)]
        assert container.calls["load a"] == 1

    asyncio.run(story())


def test_least_recently_used_models_leave_for_new_ones(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            for model in ("a", "b", "c", "a", "d"):
                await instance.invoke(model, b"", {})
            assert set(container.loaded.values()) == {"a", "c", "d"}

    asyncio.run(story())


def test_many_models_in_little_memory_all_answer(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            models = [f"m{n % 7}" for n in range(200)]
            replies = await asyncio.gather(*(instance.invoke(model, b"", {}) for model in models))
        assert [reply.body.decode() for reply in replies] == [f"{model}:" for model in models]

    asyncio.run(story())


def test_507_of_the_container_unloads_others_and_tries_again(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer(capacity=1)
        async with an_instance(tmp_path, container) as instance:
            await instance.invoke("a", b"", {})
            assert (await instance.invoke("b", b"x", {})).body == b"b:x"
            assert list(container.loaded.values()) == ["b"]

    asyncio.run(story())


def test_507_with_nobody_left_to_unload_is_the_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with an_instance(tmp_path, FakeContainer(capacity=0)) as instance:
            with pytest.raises(LoadFailedError, match="out of memory") as caught:
                await instance.invoke("a", b"", {})
            assert caught.value.status == 507

    asyncio.run(story())


def test_a_model_beyond_the_budget_is_refused_naming_the_settings(tmp_path: Path) -> None:
    async def story() -> None:
        async with an_instance(tmp_path, FakeContainer(), weights=lambda _: 4 * MIB) as instance:
            with pytest.raises(LoadFailedError, match="MME_LOCAL_MEMORY_MIB"):
                await instance.invoke("a", b"", {})

    asyncio.run(story())


def test_a_slow_load_is_not_ready_and_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        container.load_gate.clear()
        async with an_instance(tmp_path, container, invoke_seconds=0.05) as instance:
            with pytest.raises(NotReadyError):
                await instance.invoke("a", b"", {})
            container.load_gate.set()
            await until(lambda: "a" in container.loaded.values())
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"
            assert container.calls["load a"] == 1

    asyncio.run(story())


def test_a_load_that_never_ends_is_ended_and_the_container_started_again(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        container.load_gate.clear()
        async with an_instance(tmp_path, container, load_seconds=0.05) as instance:
            with pytest.raises(LoadFailedError, match=r"did not load within 0\.05 s"):
                await instance.invoke("a", b"", {})
            container.load_gate.set()
            await until(lambda: container.starts == 2)
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"

    asyncio.run(story())


def test_a_failed_load_says_what_the_container_said_and_can_be_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        container.fail_load = ContainerReply(400, b'{"error":"no such backend"}', "application/json")
        async with an_instance(tmp_path, container) as instance:
            with pytest.raises(LoadFailedError, match="no such backend"):
                await instance.invoke("a", b"", {})
            container.fail_load = None
            assert (await instance.invoke("a", b"", {})).ok

    asyncio.run(story())


def test_a_dead_container_fails_what_it_was_answering_and_nothing_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            await instance.invoke("a", b"", {})
            container.invoke_gate.clear()
            pending = asyncio.create_task(instance.invoke("a", b"", {}))
            await until(lambda: instance.view("a").model_in_flight == 1)
            monkeypatch.setattr(instances, "_NEVER_READ_SECONDS", 0)
            container.die()
            container.invoke_gate.set()
            with pytest.raises(ContainerDiedError):
                await pending
            monkeypatch.undo()
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"
            assert (container.starts, instance.restarts) == (2, 1)

    asyncio.run(story())


def test_a_request_that_a_dying_container_never_read_is_sent_once_more(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            await instance.invoke("a", b"", {})
            container.die()  # nobody has noticed yet
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"
            assert container.starts == 2

    asyncio.run(story())


def test_a_load_into_a_dying_container_is_made_again_in_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container) as instance:
            container.die()  # nobody has noticed yet
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"
            container.load_gate.clear()
            pending = asyncio.create_task(instance.invoke("b", b"", {}))
            await until(lambda: container.calls["load b"] == 1)
            container.die()
            container.load_gate.set()
            assert (await pending).body == b"b:"
            assert container.starts == 3

    asyncio.run(story())


def test_a_model_that_ends_every_container_ends_with_an_error(tmp_path: Path) -> None:
    class Deadly(FakeContainer):
        async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
            if target_model == "deadly":
                self.die()
            return await super().load(handle, target_model, path, seconds)

    async def story() -> None:
        container = Deadly()
        async with an_instance(tmp_path, container) as instance:
            with pytest.raises(ContainerDiedError, match="while it loaded the model"):
                await instance.invoke("deadly", b"", {})
            assert (await instance.invoke("a", b"1", {})).body == b"a:1"

    asyncio.run(story())


def test_cache_disabled_unloads_right_after_the_last_use(tmp_path: Path) -> None:
    async def story() -> None:
        container = FakeContainer()
        async with an_instance(tmp_path, container, keep_loaded=False) as instance:
            await instance.invoke("a", b"", {})
            await until(lambda: not container.loaded)
            await instance.invoke("a", b"", {})
            assert container.calls["load a"] == 2

    asyncio.run(story())


def test_stop_leaves_no_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with an_instance(tmp_path, FakeContainer()) as instance:
            await instance.invoke("a", b"", {})
            assert list(tmp_path.rglob("model"))
        assert not list(tmp_path.rglob("model"))

    asyncio.run(story())

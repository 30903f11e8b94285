from __future__ import annotations

import asyncio
import random
import shutil
import threading
from pathlib import Path

import pytest

from mme_local.containers.container import ContainerDiedError, ContainerReply, ContainerTimeoutError
from mme_local.endpoint import instance as instances
from mme_local.endpoint.archive_cache import AbandonedError, Download, UnpackedArchive
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from tests.mme_local.an_instance import MIB, an_instance, states, until
from tests.mme_local.fake_container import FakeContainer


async def test_an_answer_that_takes_too_long_is_a_timeout(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container, invoke_seconds=1) as instance:
        await instance.invoke("a", b"", {})
        container.invoke_gate.clear()
        with pytest.raises(ContainerTimeoutError):
            await instance.invoke("a", b"", {})


async def test_a_slow_answer_after_a_load_is_not_asked_for_again(tmp_path: Path) -> None:
    container = FakeContainer()
    container.invoke_gate.clear()
    async with an_instance(tmp_path, container, invoke_seconds=1) as instance:
        with pytest.raises(ContainerTimeoutError):  # a client would retry NotReadyError
            await instance.invoke("a", b"", {})
        assert container.calls["invoke a"] == 1


async def test_a_load_that_takes_all_the_time_is_to_be_tried_again(tmp_path: Path) -> None:
    container = FakeContainer()
    container.load_gate.clear()
    async with an_instance(tmp_path, container, invoke_seconds=0.1) as instance:
        with pytest.raises(NotReadyError):
            await instance.invoke("a", b"", {})
        assert container.calls["invoke a"] == 0


OUT_OF_MEMORY = ContainerReply(507, b'{"error":"MemoryError"}', "application/json")


async def test_a_request_without_memory_evicts_two_models_at_most(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container, memory_mib=10) as instance:
        for model in "abcdef":
            await instance.invoke(model, b"", {})
        container.fail_invoke = OUT_OF_MEMORY
        assert (await instance.invoke("a", b"", {})).status == 507
        assert container.calls["invoke a"] == 1 + 3
        assert sorted(states(instance)) == ["a", "d", "e", "f"]


async def test_a_load_without_memory_is_tried_five_times_at_most(tmp_path: Path) -> None:
    container = FakeContainer()
    models = [f"m{number}" for number in range(20)]
    async with an_instance(tmp_path, container, memory_mib=30) as instance:
        for model in models:
            await instance.invoke(model, b"", {})
        container.fail_load = OUT_OF_MEMORY
        with pytest.raises(LoadFailedError):
            await instance.invoke("a", b"", {})
        assert container.calls["load a"] == 5
        assert len(states(instance)) == len(models) - 1 - 2 - 4 - 8


async def test_a_restart_has_its_reason(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container, load_seconds=0.1) as instance:
        assert instance.describe()["last_restart"] is None
        container.die()
        await until(lambda: instance.restarts == 1)
        assert instance.last_restart is not None
        assert (
            instance.last_restart.describe()["reason"] == "it was ended by SIGKILL, as when memory runs out"
        )
        container.load_gate.clear()
        with pytest.raises(LoadFailedError):
            await instance.invoke("a", b"", {})
        await until(lambda: instance.restarts == 2)
        assert (instance.last_restart.reason, instance.last_restart.exit_status) == (
            "the load of a did not end",
            -9,
        )


async def test_a_dead_container_fails_only_requests_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container) as instance:
        await instance.invoke("a", b"", {})
        container.invoke_gate.clear()
        pending = asyncio.create_task(instance.invoke("a", b"", {}))
        await until(lambda: instance.view("a").in_flight == 1)
        monkeypatch.setattr(instances, "_NEVER_READ_SECONDS", -1)
        container.die()
        container.invoke_gate.set()
        with pytest.raises(ContainerDiedError):
            await pending
        monkeypatch.undo()
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        assert (container.starts, instance.restarts) == (2, 1)


async def test_a_request_that_was_never_read_is_retried(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container) as instance:
        await instance.invoke("a", b"", {})
        container.die()  # not noticed yet
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        assert container.starts == 2


class Forgetful(FakeContainer):
    """Denies for some requests that it holds the model."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def invoke(self, handle, target_model, body, headers, seconds):  # type: ignore[no-untyped-def]
        answer = await super().invoke(handle, target_model, body, headers, seconds)
        if self.calls[f"invoke {target_model}"] > self.times:
            return answer
        error = f'{{"error":"Request for unknown model: \'{target_model}\' is not found"}}'
        return ContainerReply(400, error.encode(), "application/json")


@pytest.mark.parametrize(("times", "status", "tries"), [(2, 200, 3), (99, 400, 4)])
async def test_a_request_is_retried_if_triton_forgets_a_loaded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, status: int, tries: int
) -> None:
    monkeypatch.setattr(instances, "_UNKNOWN_MODEL_SECONDS", (0.0, 0.0, 0.0))

    container = Forgetful(times)
    async with an_instance(tmp_path, container) as instance:
        assert (await instance.invoke("a", b"", {})).status == status
        assert container.calls["invoke a"] == tries
        assert container.calls["load a"] == 1


async def test_a_load_is_repeated_in_the_next_container(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container) as instance:
        container.die()  # not noticed yet
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        container.load_gate.clear()
        pending = asyncio.create_task(instance.invoke("b", b"", {}))
        await until(lambda: container.calls["load b"] == 1)
        container.die()
        container.load_gate.set()
        assert (await pending).body == b"b:"
        assert container.starts == 3


async def test_a_model_that_ends_every_container_ends_with_an_error(tmp_path: Path) -> None:
    class Deadly(FakeContainer):
        async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
            if target_model == "deadly":
                self.die()
            return await super().load(handle, target_model, path, seconds)

    container = Deadly()
    async with an_instance(tmp_path, container) as instance:
        with pytest.raises(ContainerDiedError, match="while it loaded the model"):
            await instance.invoke("deadly", b"", {})
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"


async def test_restarts_are_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(instances, "_RESTART_SECONDS", (0, 0))

    container = FakeContainer()
    async with an_instance(tmp_path, container, invoke_seconds=1) as instance:
        container.fail_start = OSError("no processes left")
        container.die()
        await until(lambda: "no processes left" in caplog.text)
        assert not instance.view("a").available
        with pytest.raises(ContainerDiedError, match="not come back yet"):
            await instance.invoke("a", b"", {})
        container.fail_start = None
        await until(lambda: instance.restarts == 1)
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"


async def test_cancelled_requests_release_their_models(tmp_path: Path) -> None:
    container = FakeContainer()
    container.load_gate.clear()
    async with an_instance(tmp_path, container, weights=lambda _: 3 * MIB) as instance:
        gone = [asyncio.create_task(instance.invoke("a", b"", {})) for _ in range(5)]
        await until(lambda: container.calls["load a"] == 1)
        for task in gone[:4]:
            task.cancel()
        container.load_gate.set()
        container.invoke_gate.clear()
        await until(lambda: states(instance) == {"a": "ready"})
        gone[4].cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        container.invoke_gate.set()
        assert (await instance.invoke("b", b"1", {})).body == b"b:1"  # needs all the memory
        assert instance.view("a").in_flight == 0


async def test_stop_during_a_download_leaves_no_file(tmp_path: Path) -> None:
    began = threading.Event()

    def fetch(download: Download) -> UnpackedArchive:
        (download.folder / "model").mkdir(parents=True)
        began.set()
        assert download.abandoned.wait(30)
        shutil.rmtree(download.folder)
        raise AbandonedError

    container = FakeContainer()
    async with an_instance(tmp_path, container, fetch=fetch) as instance:
        pending = asyncio.create_task(instance.invoke("a", b"", {}))
        await until(began.is_set)
    with pytest.raises(ContainerDiedError, match="being stopped"):
        await pending
    with pytest.raises(ContainerDiedError):
        await instance.invoke("b", b"", {})
    assert not list(tmp_path.iterdir())


async def test_random_traffic_loses_no_request_and_no_memory(tmp_path: Path) -> None:
    """Many models in little memory and disk, cancelled requests, and a container that dies."""
    chance = random.Random(7)  # noqa: S311 - the same traffic each time

    container = FakeContainer(capacity=4)
    sizes = {f"m{n}": chance.randint(1, 5) * MIB // 2 for n in range(12)}
    answers: list[str] = []

    async def one(instance: Instance, model: str, patience: int) -> None:
        task = asyncio.create_task(instance.invoke(model, b"x", {}))
        if patience:
            for _ in range(patience):
                await asyncio.sleep(0)
            task.cancel()
        try:
            answers.append((await task).body.decode())
        except (asyncio.CancelledError, ContainerDiedError, LoadFailedError) as error:
            answers.append(type(error).__name__)
        else:
            assert answers[-1] == f"{model}:x"

    async with an_instance(
        tmp_path, container, weights=sizes.__getitem__, memory_mib=5, disk_mib=8
    ) as instance:
        for _ in range(8):
            calls = [
                one(instance, f"m{chance.randrange(12)}", chance.choice([0, 0, 0, chance.randrange(30)]))
                for _ in range(50)
            ]
            if chance.random() < 0.5:
                calls.append(die_when_loaded(container))
            await asyncio.gather(*calls)
            assert instance.describe()["in_flight"] == 0
        assert len(answers) == 400
        assert sum(answer.endswith(":x") for answer in answers) > 200
        await until(lambda: "unloading" not in states(instance).values())
        for model in sizes:  # all were released, so each can be evicted
            assert (await instance.invoke(model, b"x", {})).ok


async def die_when_loaded(container: FakeContainer) -> None:
    await until(lambda: bool(container.loaded))
    container.die()

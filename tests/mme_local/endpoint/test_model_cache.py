from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.container import ContainerReply
from mme_local.endpoint.archive_cache import AbandonedError, Download, UnpackedArchive
from mme_local.endpoint.load import LoadFailedError, NotReadyError
from mme_local.endpoint.model_cache import handle
from tests.mme_local.an_instance import MIB, an_instance, states, until
from tests.mme_local.fake_container import FakeContainer


async def test_concurrent_requests_share_one_load(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container) as instance:
        replies = await asyncio.gather(*(instance.invoke("a", b"%d" % n, {}) for n in range(20)))
    assert [reply.body for reply in replies] == [b"a:%d" % n for n in range(20)]
    assert container.calls["load a"] == 1


async def test_507_of_the_container_unloads_others_and_tries_again(tmp_path: Path) -> None:
    container = FakeContainer(capacity=1)
    async with an_instance(tmp_path, container) as instance:
        await instance.invoke("a", b"", {})
        assert (await instance.invoke("b", b"x", {})).body == b"b:x"
        assert list(container.loaded.values()) == ["b"]


async def test_507_without_an_idle_model_is_the_answer(tmp_path: Path) -> None:
    async with an_instance(tmp_path, FakeContainer(capacity=0)) as instance:
        with pytest.raises(LoadFailedError, match="out of memory") as caught:
            await instance.invoke("a", b"", {})
        assert caught.value.status == 507


async def test_a_model_beyond_the_budget_is_refused_naming_the_settings(tmp_path: Path) -> None:
    async with an_instance(tmp_path, FakeContainer(), weights=lambda _: 4 * MIB) as instance:
        with pytest.raises(LoadFailedError, match="MME_LOCAL_MEMORY_MIB"):
            await instance.invoke("a", b"", {})


async def test_a_slow_load_is_not_ready_and_goes_on(tmp_path: Path) -> None:
    container = FakeContainer()
    container.load_gate.clear()
    async with an_instance(tmp_path, container, invoke_seconds=1) as instance:
        with pytest.raises(NotReadyError):
            await instance.invoke("a", b"", {})
        container.load_gate.set()
        await until(lambda: "a" in container.loaded.values())
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        assert container.calls["load a"] == 1


async def test_a_download_that_hangs_is_abandoned(tmp_path: Path) -> None:
    hung = threading.Event()

    def fetch(download: Download) -> UnpackedArchive:
        path = download.folder / "model"
        path.mkdir(parents=True)
        if not hung.is_set():
            hung.set()
            assert download.abandoned.wait(30)
            shutil.rmtree(download.folder)
            raise AbandonedError
        return UnpackedArchive(path, MIB)

    container = FakeContainer()
    async with an_instance(tmp_path, container, fetch=fetch, load_seconds=1) as instance:
        with pytest.raises(LoadFailedError, match="did not load within 1 s"):
            await instance.invoke("a", b"", {})
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        assert container.starts == 1, "a container that got no request is not killed"


async def test_507_of_an_answer_waits_for_an_unload_within_the_limit(tmp_path: Path) -> None:
    class Hungry(FakeContainer):
        async def invoke(self, handle: str, target_model: str, *rest: Any) -> ContainerReply:
            if target_model == "hungry":
                return ContainerReply(507, b"out of memory", "text/plain")
            return await super().invoke(handle, target_model, *rest)

    container = Hungry()
    async with an_instance(tmp_path, container, invoke_seconds=1) as instance:
        await instance.invoke("a", b"", {})
        container.unload_gate.clear()
        assert (await instance.invoke("hungry", b"", {})).status == 507
        container.unload_gate.set()


async def test_a_conflict_is_resolved_by_an_unload(tmp_path: Path) -> None:
    container = FakeContainer()
    container.loaded[handle("a")] = "a"
    async with an_instance(tmp_path, container) as instance:
        container.loaded[handle("a")] = "a"
        assert (await instance.invoke("a", b"1", {})).body == b"a:1"
        assert container.calls["load a"] == 2


async def test_a_load_waits_for_all_evictions(tmp_path: Path) -> None:
    container = FakeContainer()
    weights = {"giant": 3 * MIB}
    async with an_instance(tmp_path, container, weights=lambda m: weights.get(m, MIB)) as instance:
        await instance.invoke("giant", b"", {})
        container.unload_gate.clear()
        pending = [asyncio.create_task(instance.invoke(model, b"", {})) for model in ("a", "b")]
        await until(lambda: states(instance) == {"giant": "unloading", "a": "waiting", "b": "waiting"})
        assert list(container.loaded.values()) == ["giant"]
        container.unload_gate.set()
        await asyncio.gather(*pending)
        assert set(container.loaded.values()) == {"a", "b"}


async def test_an_unload_stalls_no_other_model(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container) as instance:
        for model in ("a", "b", "c"):
            await instance.invoke(model, b"", {})
        container.unload_gate.clear()
        pending = asyncio.create_task(instance.invoke("d", b"", {}))  # evicts a
        await until(lambda: container.calls["unload a"] == 1)
        assert (await instance.invoke("b", b"1", {})).ok
        assert not pending.done()
        container.unload_gate.set()
        assert (await pending).ok


async def test_a_full_disk_evicts_idle_models_from_memory_too(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container, disk_mib=2) as instance:
        for model in ("a", "b", "c"):
            assert (await instance.invoke(model, b"", {})).ok
        assert set(container.loaded.values()) == {"b", "c"}


async def test_a_disk_full_of_models_in_use_is_507(tmp_path: Path) -> None:
    container = FakeContainer()
    async with an_instance(tmp_path, container, disk_mib=1) as instance:
        await instance.invoke("a", b"", {})
        container.invoke_gate.clear()
        pending = asyncio.create_task(instance.invoke("a", b"", {}))
        await until(lambda: instance.view("a").in_flight == 1)
        with pytest.raises(LoadFailedError, match="MME_LOCAL_DISK_MIB") as caught:
            await instance.invoke("b", b"", {})
        assert caught.value.status == 507
        container.invoke_gate.set()
        assert (await pending).ok

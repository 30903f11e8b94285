from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mme_local.endpoint.archive_cache import AbandonedError, ArchiveCache, Download, UnpackedArchive


def fetching(size: int, seen: list[str] | None = None) -> Callable[[Download], UnpackedArchive]:
    def fetch(download: Download) -> UnpackedArchive:
        if seen is not None:
            seen.append(download.model)
        download.reserve(size)
        (download.folder / "model").mkdir(parents=True)
        return UnpackedArchive(download.folder / "model", size)

    return fetch


def models(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in folder.iterdir()) if folder.exists() else []


async def test_unused_archives_are_evicted_when_others_need_the_space(tmp_path: Path) -> None:
    fetched: list[str] = []

    cache = ArchiveCache(tmp_path / "cache", fetching(40, fetched), 100)
    for model in ("a", "b", "a"):
        await cache.get(model, model)
    assert fetched == ["a", "b"]
    cache.release("b")
    await cache.get("c", "c")
    assert models(tmp_path / "cache") == ["a", "c"]
    assert cache.used == 80
    await cache.clear()
    assert not list(tmp_path.iterdir())


async def test_a_model_is_always_in_the_same_folder(tmp_path: Path) -> None:
    """Triton takes two folders for two models of one name, and then serves neither."""
    cache = ArchiveCache(tmp_path / "cache", fetching(40), 100)
    first = (await cache.get("a", "hash")).path
    cache.forget("a")
    assert not first.exists()
    assert (await cache.get("a", "hash")).path == first == tmp_path / "cache" / "hash" / "model"
    assert first.is_dir()


async def test_an_abandoned_download_does_not_affect_a_later_one(tmp_path: Path) -> None:
    gate = threading.Event()
    began = threading.Event()

    def fetch(download: Download) -> UnpackedArchive:
        if not began.is_set():
            began.set()
            assert gate.wait(30)
        return fetching(70)(download)

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    first = asyncio.create_task(cache.get("a", "a"))
    assert await asyncio.to_thread(began.wait, 30)
    cache.forget("a")
    artifact = await cache.get("a", "a")
    gate.set()
    assert (await first).path == artifact.path  # it got the later one
    assert models(tmp_path / "cache") == ["a"]
    assert artifact.path.exists()
    assert cache.used == 70


async def test_an_abandoned_download_stops_at_the_next_chunk(tmp_path: Path) -> None:
    def fetch(download: Download) -> UnpackedArchive:
        def chunks() -> Iterator[bytes]:
            yield gzip.compress(bytes(10_000))
            download.abandoned.set()
            yield b"more"
            raise AssertionError("it read on")

        return download.unpack(chunks(), 10**6)

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    with pytest.raises(AbandonedError):
        await cache.get("a", "a")
    assert not list((tmp_path / "cache").iterdir())

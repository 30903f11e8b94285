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


async def test_space_is_freed_before_bytes_are_written(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def fetch(download: Download) -> UnpackedArchive:
        download.reserve(60)
        seen.append(models(tmp_path / "cache"))
        return fetching(0)(download)

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    await cache.get("a", "a")
    cache.release_all()
    await cache.get("b", "b")
    assert seen == [[], []]


async def test_concurrent_requests_share_one_download(tmp_path: Path) -> None:
    fetched: list[str] = []

    cache = ArchiveCache(tmp_path / "cache", fetching(40, fetched), 100)
    first, second = await asyncio.gather(cache.get("a", "a"), cache.get("a", "a"))
    assert first is second
    assert fetched == ["a"]


async def test_a_download_outlives_a_cancelled_request(tmp_path: Path) -> None:
    gate = threading.Event()
    fetched: list[str] = []

    def fetch(download: Download) -> UnpackedArchive:
        assert gate.wait(30)
        return fetching(40, fetched)(download)

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    asked = asyncio.create_task(cache.get("a", "a"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    gate.set()
    await cache.get("a", "a")
    assert fetched == ["a"]


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


async def test_a_failed_download_leaves_nothing_and_can_be_retried(tmp_path: Path) -> None:
    fails = [ValueError("once")]

    def fetch(download: Download) -> UnpackedArchive:
        download.reserve(100)
        if fails:
            raise fails.pop()
        return fetching(0)(download)

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    with pytest.raises(ValueError, match="once"):
        await cache.get("a", "a")
    assert cache.used == 0
    await cache.get("a", "a")


async def test_clear_abandons_downloads(tmp_path: Path) -> None:
    began = threading.Event()

    def fetch(download: Download) -> UnpackedArchive:
        (download.folder / "model").mkdir(parents=True)
        began.set()
        assert download.abandoned.wait(30)
        raise AbandonedError

    cache = ArchiveCache(tmp_path / "cache", fetch, 100)
    asked = asyncio.create_task(cache.get("a", "a"))
    assert await asyncio.to_thread(began.wait, 30)
    await cache.clear()
    assert not list(tmp_path.iterdir())
    with pytest.raises(AbandonedError):
        await asked


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

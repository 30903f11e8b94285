from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mme_local.endpoint.archive import AbandonedError, Artifact
from mme_local.endpoint.archive_cache import ArtifactShelf, Order


def bringing(size: int, seen: list[str] | None = None) -> Callable[[Order], Artifact]:
    def fetch(order: Order) -> Artifact:
        if seen is not None:
            seen.append(order.model)
        order.reserve(size)
        (order.folder / "model").mkdir(parents=True)
        return Artifact(order.folder / "model", size)

    return fetch


def models(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in folder.iterdir()) if folder.exists() else []


async def test_models_stay_until_others_need_the_room_and_those_in_use_are_spared(tmp_path: Path) -> None:
    fetched: list[str] = []

    shelf = ArtifactShelf(tmp_path / "shelf", bringing(40, fetched), 100)
    for model in ("a", "b", "a"):
        await shelf.get(model, model)
    assert fetched == ["a", "b"]
    shelf.release("b")
    await shelf.get("c", "c")
    assert models(tmp_path / "shelf") == ["a", "c"]
    assert shelf.used == 80
    await shelf.clear()
    assert not list(tmp_path.iterdir())


async def test_room_is_made_before_the_bytes_are_written(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def fetch(order: Order) -> Artifact:
        order.reserve(60)
        seen.append(models(tmp_path / "shelf"))
        return bringing(0)(order)

    shelf = ArtifactShelf(tmp_path / "shelf", fetch, 100)
    await shelf.get("a", "a")
    shelf.release_all()
    await shelf.get("b", "b")
    assert seen == [[], []]


async def test_who_asks_together_shares_one_download(tmp_path: Path) -> None:
    fetched: list[str] = []

    shelf = ArtifactShelf(tmp_path / "shelf", bringing(40, fetched), 100)
    first, second = await asyncio.gather(shelf.get("a", "a"), shelf.get("a", "a"))
    assert first is second
    assert fetched == ["a"]


async def test_a_download_outlives_who_asked_and_serves_who_asks_next(tmp_path: Path) -> None:
    gate = threading.Event()
    fetched: list[str] = []

    def fetch(order: Order) -> Artifact:
        assert gate.wait(30)
        return bringing(40, fetched)(order)

    shelf = ArtifactShelf(tmp_path / "shelf", fetch, 100)
    asked = asyncio.create_task(shelf.get("a", "a"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    gate.set()
    await shelf.get("a", "a")
    assert fetched == ["a"]


async def test_a_forgotten_download_disturbs_no_later_one(tmp_path: Path) -> None:
    """Also where it does not hear that nobody wants it, and comes to its end."""
    gate = threading.Event()
    began = threading.Event()

    def fetch(order: Order) -> Artifact:
        if not began.is_set():
            began.set()
            assert gate.wait(30)
        return bringing(70)(order)

    shelf = ArtifactShelf(tmp_path / "shelf", fetch, 100)
    first = asyncio.create_task(shelf.get("a", "a"))
    assert await asyncio.to_thread(began.wait, 30)
    shelf.forget("a")
    artifact = await shelf.get("a", "a")
    gate.set()
    assert (await first).path == artifact.path  # it got the later one
    assert models(tmp_path / "shelf") == ["a"]
    assert artifact.path.exists()
    assert shelf.used == 70


async def test_a_failed_download_leaves_nothing_and_can_be_asked_again(tmp_path: Path) -> None:
    fails = [ValueError("once")]

    def fetch(order: Order) -> Artifact:
        order.reserve(100)
        if fails:
            raise fails.pop()
        return bringing(0)(order)

    shelf = ArtifactShelf(tmp_path / "shelf", fetch, 100)
    with pytest.raises(ValueError, match="once"):
        await shelf.get("a", "a")
    assert shelf.used == 0
    await shelf.get("a", "a")


async def test_clear_ends_what_is_on_its_way(tmp_path: Path) -> None:
    began = threading.Event()

    def fetch(order: Order) -> Artifact:
        (order.folder / "model").mkdir(parents=True)
        began.set()
        assert order.abandoned.wait(30)
        raise AbandonedError

    shelf = ArtifactShelf(tmp_path / "shelf", fetch, 100)
    asked = asyncio.create_task(shelf.get("a", "a"))
    assert await asyncio.to_thread(began.wait, 30)
    await shelf.clear()
    assert not list(tmp_path.iterdir())
    with pytest.raises(AbandonedError):
        await asked

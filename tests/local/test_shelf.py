from __future__ import annotations

import asyncio
from pathlib import Path

from mme.local.artifact import Artifact
from mme.local.shelf import ArtifactShelf


def test_models_stay_until_others_need_the_room_and_those_in_memory_are_spared(tmp_path: Path) -> None:
    fetched: list[str] = []

    async def fetch(model: str, folder: Path) -> Artifact:
        fetched.append(model)
        (folder / "model").mkdir(parents=True)
        return Artifact(folder / "model", 40)

    async def story() -> None:
        shelf = ArtifactShelf(tmp_path, fetch, 100)
        for model in ("a", "b", "a"):
            await shelf.get(model, model, sparing=set())
        assert fetched == ["a", "b"]
        await shelf.get("c", "c", sparing={"a"})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
        shelf.clear()
        assert not list(tmp_path.iterdir())

    asyncio.run(story())

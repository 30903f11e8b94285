"""One instance with a fake container, for tests of instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mme_local.endpoint.archive_cache import Download, Fetch, UnpackedArchive
from mme_local.endpoint.instance import Instance
from mme_local.settings import LocalSettings
from tests.mme_local.fake_container import FakeContainer

MIB = 1024 * 1024


@asynccontextmanager
async def an_instance(
    tmp_path: Path,
    container: FakeContainer,
    *,
    weights: Callable[[str], int] = lambda _: MIB,
    keep_loaded: bool = True,
    fetch: Fetch | None = None,
    **settings: float,
) -> AsyncIterator[Instance]:
    def fetch_one(download: Download) -> UnpackedArchive:
        download.reserve(weights(download.model))
        path = download.folder / "model"
        path.mkdir(parents=True)
        return UnpackedArchive(path, weights(download.model))

    chosen = LocalSettings.model_validate({"weight_factor": 1, "memory_mib": 3} | settings)
    folder = tmp_path / "instance"
    folder.mkdir()
    instance = Instance("test/0", container, fetch or fetch_one, folder, chosen, keep_loaded=keep_loaded)
    await instance.start()
    try:
        yield instance
    finally:
        await instance.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def states(instance: Instance) -> dict[str, str]:
    models: Any = instance.describe()["models"]
    return {model["name"]: model["state"] for model in models}

"""Models that fail to load, and what they leave for others, on real Triton."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here
from mme_local.endpoint.archive_cache import Download, UnpackedArchive
from mme_local.endpoint.instance import Instance
from mme_local.endpoint.load import LoadFailedError
from mme_local.settings import LocalSettings
from tests.archives.archive_builder import CODE, CONFIG, Files, flat, pack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]

ENVIRONMENT = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
}
REQUEST = json.dumps(
    {"inputs": [{"name": "X", "datatype": "FP32", "shape": [3], "data": [1, 2, 3]}]}
).encode()
FLAKY = """
import os
if not os.path.exists({flag!r}):
    open({flag!r}, "w").close()
    raise RuntimeError("database not reachable")
"""
PACKED = CONFIG + (
    'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/env.tar.gz" } }'
)


def packed(environment: bytes | str) -> Files:
    return {**flat(PACKED), "env.tar.gz": environment}


@asynccontextmanager
async def serving(folder: Path, models: Mapping[str, Files]) -> AsyncIterator[Instance]:
    installation = TritonInstallation.create(folder / "triton")

    def fetch(download: Download) -> UnpackedArchive:
        archive: Iterator[bytes] = iter([pack(models[download.model])])
        return download.unpack(archive, 10**7)

    place = folder / "instances" / "0"
    place.mkdir(parents=True)
    container = TritonProcess(installation, place, ENVIRONMENT, start_seconds=120, log=folder / "triton.log")
    instance = Instance("test/0", container, fetch, place, LocalSettings())
    await instance.start()
    try:
        yield instance
    finally:
        await instance.stop()


async def called(instance: Instance, model: str) -> Any:
    reply = await instance.invoke(model, REQUEST, {})
    return json.loads(reply.body)["outputs"][0]["data"] if reply.ok else reply.status


async def test_a_model_whose_load_failed_is_loaded_again(tmp_path: Path) -> None:
    models = {"flaky_v0.tar.gz": flat(code=FLAKY.format(flag=str(tmp_path / "flag")) + CODE)}
    async with serving(tmp_path, models) as instance:
        with pytest.raises(LoadFailedError, match="database not reachable") as caught:
            await instance.invoke("flaky_v0.tar.gz", REQUEST, {})
        assert str(tmp_path) not in caught.value.message
        assert await called(instance, "flaky_v0.tar.gz") == [2, 4, 6]
        assert await called(instance, "flaky_v0.tar.gz") == [2, 4, 6]


async def test_a_broken_environment_harms_no_later_one(tmp_path: Path) -> None:
    models = {
        "broken.tar.gz": packed("not an archive"),
        "good.tar.gz": packed(pack({"bin/activate": "export MARK=1\n"})),
    }
    async with serving(tmp_path, models) as instance:
        with pytest.raises(LoadFailedError):
            await instance.invoke("broken.tar.gz", REQUEST, {})
        assert await called(instance, "good.tar.gz") == [2, 4, 6]
        assert instance.last_restart is not None
        assert "environment archive was broken" in instance.last_restart.reason


async def test_what_a_model_prints_is_in_the_log_at_once(tmp_path: Path) -> None:
    models = {"prints.tar.gz": flat(code=CODE + '\nprint("gelöscht: \\udcff")\n')}
    async with serving(tmp_path, models) as instance:
        assert await called(instance, "prints.tar.gz") == [2, 4, 6]
        assert "gelöscht: \\udcff\n" in (tmp_path / "triton.log").read_text("utf-8")


@pytest.mark.nightly
async def test_a_request_without_memory_runs_three_times_at_most(tmp_path: Path) -> None:
    count = tmp_path / "count"
    greedy = CODE.replace(
        "inputs = [", f"open({str(count)!r}, 'a').write('x'); raise MemoryError('no room'); inputs = [", 1
    )
    assert greedy != CODE
    models = {f"m{number}.tar.gz": flat() for number in range(4)} | {"greedy.tar.gz": flat(code=greedy)}
    async with serving(tmp_path, models) as instance:
        for model in models:
            await called(instance, model)
        count.unlink()
        assert await called(instance, "greedy.tar.gz") == 507
        assert count.read_text() == "xxx"

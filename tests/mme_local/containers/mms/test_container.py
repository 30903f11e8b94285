"""The real server on a Java runtime: the container contract, and what it takes from AWS's images."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from mme.errors import MmeError
from mme_local.containers.container import ContainerTimeoutError
from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.container import MmsContainer
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.installation import MmsInstallation
from tests.archives.archive_builder import write_files
from tests.mme_local.containers.mms.sources import (
    ROWS,
    XGBOOST,
    booster_files,
    csv,
    predictions,
)

pytestmark = pytest.mark.slow

CSV = {"Content-Type": "text/csv"}


@asynccontextmanager
async def container_of(
    folder: Path, handler: Handler, environment: Mapping[str, str] | None = None
) -> AsyncIterator[MmsContainer]:
    container = MmsContainer(
        MmsInstallation.find(),
        handler,
        XGBOOST,
        folder,
        environment or {},
        start_seconds=120,
        log=folder / "log",
    )
    await container.start()
    try:
        yield container
    finally:
        await container.stop()


def toolkit(folder: Path, source: str) -> tuple[Handler, dict[str, str]]:
    """The inference toolkit with a program of this machine."""
    write_files(folder / "source", {"inference.py": source})
    variables = {"SAGEMAKER_SUBMIT_DIRECTORY": str(folder / "source")}
    return handlers.inference_toolkit(variables), variables


async def test_the_contract(tmp_path: Path) -> None:
    good = write_files(tmp_path / "good" / "model", booster_files("ubj"))
    bad = write_files(tmp_path / "bad" / "model", {"xgboost-model": "no booster"})
    async with container_of(tmp_path / "instance", handlers.xgboost({})) as container:
        assert container.title.startswith("AWS's Multi Model Server 1.1")
        assert await container.ping(5)
        assert (await container.load("aa", "good", good, 60)).status == 200
        assert (await container.load("aa", "good", good, 60)).status == 409

        failed = await container.load("bb", "bad", bad, 60)
        assert failed.status == 500
        assert failed.text.startswith("Unable to load model: Model xgboost-model cannot be loaded")
        assert f"{XGBOOST} is served by AWS's Multi Model Server" in failed.text
        assert (await container.invoke("bb", "bad", b"1", CSV, 20)).status == 404

        answer = await container.invoke("aa", "good", csv(ROWS[:3]).encode(), CSV, 20)
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert json.loads(answer.body) == pytest.approx(predictions(ROWS[:3]))

        assert (await container.unload("aa", "good")).status == 200
        assert (await container.unload("aa", "good")).status == 404
        assert (await container.load("aa", "good", good, 60)).status == 200

        assert container.pid
        server = psutil.Process(container.pid)
        family = [server, *server.children(recursive=True)]
        assert [each for process in family for each in process.net_connections("inet")] == []
        await container.stop()
        assert not psutil.wait_procs(family, timeout=10)[1]
        assert await container.wait_dead() is not None


MISFITS = """
import os, time
KIND = os.environ["KIND"]

def model_fn(model_dir):
    kind = open(os.path.join(model_dir, "kind")).read()
    if kind == "memory":
        raise MemoryError("no room")
    if kind == "exit":
        raise SystemExit(3)
    if kind == "hang":
        time.sleep(600)
    if kind == "raise":
        raise ValueError("no such weights")
    return kind

def transform_fn(model, data, content_type, accept, context):
    if data == "memory":
        raise MemoryError
    return f"{model} {KIND} {context.model_name} {data}", "text/plain"
"""


async def test_what_programs_do(tmp_path: Path) -> None:
    handler, variables = toolkit(tmp_path, MISFITS)
    models = {
        kind: write_files(tmp_path / kind / "model", {"kind": kind})
        for kind in ("memory", "exit", "raise", "hang", "good")
    }
    async with container_of(tmp_path / "i", handler, {**variables, "KIND": "k"}) as container:
        failed = {
            kind: await container.load(kind, kind, models[kind], 60) for kind in ("memory", "exit", "raise")
        }
        assert {kind: reply.status for kind, reply in failed.items()} == {
            "memory": 507,
            "exit": 500,
            "raise": 500,
        }
        assert "ValueError: no such weights" in failed["raise"].text
        assert "no such weights" in (tmp_path / "i" / "log").read_text()
        with pytest.raises(ContainerTimeoutError):
            await container.load("hang", "hang", models["hang"], 2)
        assert (await container.load("good", "good", models["good"], 60)).ok
        answer = await container.invoke("good", "good", b"1,2", CSV, 20)
        assert (answer.text, answer.content_type) == ("good k good 1,2", "text/plain")


@pytest.mark.nightly
async def test_a_model_without_a_process_ends_the_server(tmp_path: Path) -> None:
    """The server would never answer its calls."""
    good = write_files(tmp_path / "good" / "model", booster_files("ubj"))
    async with container_of(tmp_path / "instance", handlers.xgboost({})) as container:
        assert (await container.load("aa", "good", good, 60)).ok
        for process in psutil.Process(container.pid).children(recursive=True):
            process.kill()
        with contextlib.suppress(ContainerTimeoutError):
            assert (await container.invoke("aa", "good", b"1,2,3,4", CSV, 3)).fatal
        assert await container.wait_dead() == -9


FUNCTION = """
def score(data, context):
    if data is None:
        if "bad" in context.system_properties["model_dir"]:
            raise KeyError("weights")
        return None
    return [b"scored " + bytes(data[0]["body"])]
"""


@pytest.mark.nightly
async def test_a_handler_function_that_raises_at_its_load(tmp_path: Path) -> None:
    """On AWS's image that load never ends."""
    write_files(tmp_path / "source", {"scorer.py": FUNCTION})
    variables = {"SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "source"), "SAGEMAKER_HANDLER": "scorer:score"}
    good, bad = (write_files(tmp_path / name / "model", {"x": "x"}) for name in ("good", "bad"))
    async with container_of(tmp_path / "i", handlers.inference_toolkit(variables), variables) as container:
        assert (await container.load("bb", "bad", bad, 60)).status == 500
        assert (await container.load("aa", "good", good, 60)).ok
        assert (await container.invoke("aa", "good", b"1", CSV, 20)).body == b"scored 1"


async def test_a_program_that_fails_to_import(tmp_path: Path) -> None:
    write_files(tmp_path / "source", {"inference.py": "import numpy\nimport no_such_package\n"})
    variables = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "source"),
    }
    with pytest.raises(
        MmeError, match="inference can't be imported: ModuleNotFoundError: No module named"
    ) as failed:
        async with container_of(tmp_path / "i", handlers.scikit_learn(variables), variables):
            pass
    log = tmp_path / "i" / "log"
    assert failed.value.hint == f"fix it; for the traceback, read its log: {log}"
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("seconds", "variables", "message"),
    [
        (0.05, {}, r"was not up within 0\.05 s; its log is empty\n"),
        (
            60,
            {"SAGEMAKER_MAX_HEAP_SIZE": "1x"},
            r"ended at its start; .* log: Invalid maximum heap size: -Xmx1x\n",
        ),
    ],
)
async def test_a_failed_start_is_one_line(
    tmp_path: Path, seconds: float, variables: dict[str, str], message: str
) -> None:
    log = tmp_path / "log"
    handler = handlers.xgboost({})
    container = MmsContainer(
        MmsInstallation.find(), handler, XGBOOST, tmp_path, variables, start_seconds=seconds, log=log
    )
    with pytest.raises(MmeError, match=message) as failed:
        await container.start()
    assert f"read its log: {log}" in str(failed.value.hint)
    assert container.pid is None


@pytest.mark.nightly
async def test_limits_of_the_environment(tmp_path: Path) -> None:
    slow = """
import time
def model_fn(model_dir): return 1
def transform_fn(model, data, content_type, accept):
    time.sleep(float(data))
    return "done"
"""
    write_files(tmp_path / "source", {"inference.py": slow})
    variables = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "source"),
        "SAGEMAKER_NUM_MODEL_WORKERS": "2",
        "SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "1",
        "SAGEMAKER_MAX_REQUEST_SIZE": "1000",
    }
    model = write_files(tmp_path / "model", {"x": "x"})
    async with container_of(tmp_path / "i", handlers.scikit_learn(variables), variables) as container:
        assert (await container.load("aa", "a", model, 60)).ok
        answers = await asyncio.gather(
            *(container.invoke("aa", "a", b"2", CSV, 30) for _ in range(6)), return_exceptions=True
        )
        statuses = sorted(one.status for one in answers if not isinstance(one, BaseException))
        assert statuses.count(503) >= 1
        assert statuses.count(200) == len(statuses) - statuses.count(503)
        assert (await container.invoke("aa", "a", b"0" * 2000, CSV, 30)).status == 413


@pytest.mark.nightly
async def test_a_toolkit_s_model_gets_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server counts GPUs by the program nvidia-smi, here one that prints a GPU."""
    program = write_files(tmp_path / "bin", {"nvidia-smi": "#!/bin/sh\necho index\necho 0\n"}) / "nvidia-smi"
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    source = "def handle(data, context):\n    return [str(context.system_properties['gpu_id'])]\n"
    write_files(tmp_path / "source", {"numbered.py": source})
    variables = {"SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "source"), "SAGEMAKER_HANDLER": "numbered"}
    model = write_files(tmp_path / "model", {"weights": "0"})
    async with container_of(
        tmp_path / "instance", handlers.inference_toolkit(variables), variables
    ) as container:
        assert (await container.load("aa", "one", model, 60)).ok
        assert (await container.invoke("aa", "one", b"", {}, 20)).body == b"0"

"""The real server: the container contract, on loopback only."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mme.errors import MmeError
from mme_local.containers.container import ContainerDiedError
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.patches import SOCKET
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]

CONFIG = """
backend: "python"
max_batch_size: 0
input [{ name: "X" data_type: TYPE_FP32 dims: [3] }, { name: "S" data_type: TYPE_STRING dims: [2] }]
output [{ name: "Y" data_type: TYPE_FP32 dims: [3] }, { name: "T" data_type: TYPE_STRING dims: [2] }]
"""
MODEL = """
import os
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
            s = pb_utils.get_input_tensor_by_name(request, "S").as_numpy()
            t = np.array([word + os.environ.get("SUFFIX", "").encode() for word in s], dtype=np.object_)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("Y", x * 2), pb_utils.Tensor("T", t)]))
        return answers
"""
REQUEST = json.dumps(
    {
        "inputs": [
            {"name": "X", "datatype": "FP32", "shape": [3], "data": [1, 2.5, -3]},
            {"name": "S", "datatype": "BYTES", "shape": [2], "data": ["ab", "c"]},
        ]
    }
).encode()
ENVIRONMENT = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
    "SUFFIX": "!",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> TritonInstallation:
    return TritonInstallation.create(
        tmp_path_factory.mktemp("triton") / "private", tmp_path_factory.getbasetemp()
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "abc123" / "model"
    (path / "1").mkdir(parents=True)
    (path / "config.pbtxt").write_text(CONFIG)
    (path / "1" / "model.py").write_text(MODEL)
    return path


def a_process(
    installation: TritonInstallation, folder: Path, environment: Mapping[str, str] = ENVIRONMENT
) -> TritonProcess:
    return TritonProcess(installation, folder / "instance", environment, start_seconds=120)


@asynccontextmanager
async def started(installation: TritonInstallation, folder: Path) -> AsyncIterator[TritonProcess]:
    triton = a_process(installation, folder)
    await triton.start()
    try:
        yield triton
    finally:
        await triton.stop()


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob(f"mme_{os.getpid()}_*")}


async def test_load_invoke_unload(installation: TritonInstallation, tmp_path: Path, model: Path) -> None:
    async with started(installation, tmp_path) as triton:
        assert (await triton.load("abc123", "t/x_v0.tar.gz", model, 60)).status == 200
        reply = await triton.invoke("abc123", "t/x_v0.tar.gz", REQUEST, {}, 60)
        assert reply.status == 200, reply.text
        answers = {tensor["name"]: tensor["data"] for tensor in json.loads(reply.body)["outputs"]}
        assert answers == {"Y": [2, 5, -6], "T": ["ab!", "c!"]}
        assert (await triton.load("abc123", "t/x_v0.tar.gz", model, 60)).status == 409
        assert (await triton.unload("abc123", "t/x_v0.tar.gz")).status == 200
        assert (await triton.invoke("abc123", "t/x_v0.tar.gz", REQUEST, {}, 60)).status == 404
        assert (
            '"Loading SageMaker TargetModel: t/x_v0.tar.gz"'
            in (tmp_path / "instance" / "triton.log").read_text()
        )
    assert triton.pid is None
    assert not shared_memory()


async def test_it_listens_on_a_socket_that_others_cannot_open(
    installation: TritonInstallation, tmp_path: Path
) -> None:
    async with started(installation, tmp_path) as triton:
        assert triton.pid is not None
        assert psutil.Process(triton.pid).net_connections("inet") == []
        assert (tmp_path / "instance" / SOCKET).is_socket()


async def test_models_of_other_folders_are_refused(
    installation: TritonInstallation, tmp_path: Path, model: Path
) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        other = Path(elsewhere) / "models" / "abc123" / "model"
        shutil.copytree(model, other)
        async with started(installation, tmp_path) as triton:
            assert (await triton.load("abc123", "x_v0.tar.gz", other, 60)).status == 400


def test_onnxruntime_leaves_no_file(installation: TritonInstallation, tmp_path: Path) -> None:
    environment = installation.environment | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import onnxruntime"], env=environment, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_killed_server_leaves_no_process(
    installation: TritonInstallation, tmp_path: Path, model: Path
) -> None:
    triton = a_process(installation, tmp_path)
    await triton.start()
    await triton.load("abc123", "x_v0.tar.gz", model, 60)
    assert triton.pid is not None
    children = psutil.Process(triton.pid).children(recursive=True)
    assert children, "the python backend runs in a process of its own"
    assert list((tmp_path / "instance").glob("python_env_*")), "scratch folders are in our own folder"
    os.kill(triton.pid, signal.SIGKILL)
    assert await triton.wait_dead() == -signal.SIGKILL
    with pytest.raises(ContainerDiedError):
        await triton.invoke("abc123", "x_v0.tar.gz", REQUEST, {}, 5)
    await triton.stop()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert not shared_memory()


def test_a_failed_start_has_tritons_reason(installation: TritonInstallation, tmp_path: Path) -> None:
    environment = {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--no-such-flag"}
    with pytest.raises(MmeError, match="Triton ended at its start") as caught:
        asyncio.run(a_process(installation, tmp_path, environment).start())
    assert "no-such-flag" in caught.value.message
    assert "\n" not in caught.value.message
    assert "triton.log" in str(caught.value.hint)


async def test_a_failed_load_has_the_models_error(
    installation: TritonInstallation, tmp_path: Path, model: Path
) -> None:
    (model / "1" / "model.py").write_text("raise ValueError('the weights are missing')")

    async with started(installation, tmp_path) as triton:
        reply = await triton.load("abc123", "x_v0.tar.gz", model, 60)
        assert reply.status == 400
        assert "the weights are missing" in reply.text


async def test_a_start_that_fails_leaves_no_pipe(installation: TritonInstallation, tmp_path: Path) -> None:
    process = a_process(replace(installation, server=tmp_path / "missing"), tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            await process.start()
    assert len(list(Path("/proc/self/fd").iterdir())) == before

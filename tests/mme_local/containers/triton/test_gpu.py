"""KIND_GPU models on the wheel's Triton, on a machine with an NVIDIA GPU."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here

MIB = 512
"""Memory that the model takes, in addition to its context."""
SLACK_MIB = 64


def used_mib() -> int:
    """Memory in use on the first GPU, of all processes."""
    asked = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout)


def why_no_gpu() -> str | None:
    """Why no KIND_GPU model can run here; None if one can."""
    if shutil.which("nvidia-smi") is None:
        return "there is no NVIDIA GPU: nvidia-smi is not installed"
    try:
        used_mib()
    except (subprocess.SubprocessError, ValueError) as error:
        return f"there is no NVIDIA GPU that answers: {error}"
    return None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.gpu,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
    pytest.mark.skipif(why_no_gpu() is not None, reason=str(why_no_gpu())),
]

CONFIG = """
backend: "python"
max_batch_size: 0
instance_group [{ kind: KIND_GPU count: 1 gpus: [0] }]
input [{ name: "X" data_type: TYPE_UINT32 dims: [1] }]
output [{ name: "Y" data_type: TYPE_UINT32 dims: [4] }, { name: "KIND" data_type: TYPE_STRING dims: [1] }]
"""
# Uses the driver's API, so that no CUDA package is needed: the GPU fills its memory with the number that was
# sent, and the answer is read from there.
MODEL = f"""
import ctypes
import numpy as np
import triton_python_backend_utils as pb_utils

SIZE = {MIB} << 20

def check(status):
    if status != 0:
        raise pb_utils.TritonModelException(f"CUDA error {{status}}")

class TritonPythonModel:
    def initialize(self, args):
        self.kind = args["model_instance_kind"]
        self.cuda = ctypes.CDLL("libcuda.so.1")
        check(self.cuda.cuInit(0))
        device, self.context = ctypes.c_int(), ctypes.c_void_p()
        check(self.cuda.cuDeviceGet(ctypes.byref(device), int(args["model_instance_device_id"])))
        check(self.cuda.cuDevicePrimaryCtxRetain(ctypes.byref(self.context), device))
        check(self.cuda.cuCtxSetCurrent(self.context))
        self.memory = ctypes.c_uint64()
        check(self.cuda.cuMemAlloc_v2(ctypes.byref(self.memory), ctypes.c_size_t(SIZE)))

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        number = int(pb_utils.get_input_tensor_by_name(request, "X").as_numpy()[0])
        check(self.cuda.cuCtxSetCurrent(self.context))
        check(self.cuda.cuMemsetD32_v2(self.memory, ctypes.c_uint(number), ctypes.c_size_t(4)))
        back = np.zeros(4, dtype=np.uint32)
        pointer = back.ctypes.data_as(ctypes.c_void_p)
        check(self.cuda.cuMemcpyDtoH_v2(pointer, self.memory, ctypes.c_size_t(back.nbytes)))
        kind = np.array([self.kind.encode()], dtype=np.object_)
        return pb_utils.InferenceResponse([pb_utils.Tensor("Y", back), pb_utils.Tensor("KIND", kind)])
"""


async def until_used(least: int, most: int) -> None:
    """Wait until the GPU's memory in use is in a range; the driver frees it a moment after a process ends."""
    async with asyncio.timeout(60):
        while not least <= await asyncio.to_thread(used_mib) <= most:
            await asyncio.sleep(0.1)


async def test_a_model_uses_and_frees_the_gpu(tmp_path: Path) -> None:
    model = tmp_path / "models" / "abc" / "model"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(CONFIG)
    (model / "1" / "model.py").write_text(MODEL)
    request = {"inputs": [{"name": "X", "datatype": "UINT32", "shape": [1], "data": [4711]}]}

    installation = TritonInstallation.create(tmp_path / "triton", tmp_path.parent)
    quiet = {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"}
    triton = TritonProcess(installation, tmp_path / "instance", quiet, start_seconds=120)
    await triton.start()
    try:
        before = used_mib()
        loaded = await triton.load("abc", "x_v0.tar.gz", model, 120)
        assert loaded.ok, loaded.text
        await until_used(before + MIB - SLACK_MIB, 1 << 40)
        reply = await triton.invoke("abc", "x_v0.tar.gz", json.dumps(request).encode(), {}, 60)
        assert reply.ok, reply.text
        answers = {one["name"]: one["data"] for one in json.loads(reply.body)["outputs"]}
        assert answers == {"Y": [4711] * 4, "KIND": ["GPU"]}
        assert (await triton.unload("abc", "x_v0.tar.gz")).ok
        await until_used(0, before + SLACK_MIB)
    finally:
        await triton.stop()

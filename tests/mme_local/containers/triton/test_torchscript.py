"""TorchScript models on the wheel's Triton, if torch is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import has_torch, why_not_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
    pytest.mark.skipif(not has_torch(), reason="torch is not installed: TorchScript models are not served"),
]

CONFIG = """
platform: "pytorch_libtorch"
input [
  { name: "INPUT__0" data_type: TYPE_FP32 dims: [2] },
  { name: "INPUT__1" data_type: TYPE_FP32 dims: [2] }
]
output [
  { name: "OUTPUT__0" data_type: TYPE_FP32 dims: [2] },
  { name: "OUTPUT__1" data_type: TYPE_FP32 dims: [2] }
]
"""


def save_model(path: Path) -> None:
    """A module of two inputs and two outputs."""
    torch: Any = pytest.importorskip("torch")

    def add_sub(a: Any, b: Any) -> Any:
        return a + b, a - b

    torch.jit.trace(add_sub, (torch.zeros(2), torch.zeros(2))).save(str(path))


async def test_tensors_are_ordered_by_the_number_in_their_name(tmp_path: Path) -> None:
    model = tmp_path / "models" / "abc" / "model"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(CONFIG)
    save_model(model / "1" / "model.pt")
    request = {
        "inputs": [
            {"name": "INPUT__1", "datatype": "FP32", "shape": [2], "data": [1, 1]},
            {"name": "INPUT__0", "datatype": "FP32", "shape": [2], "data": [5, 7]},
        ]
    }

    installation = TritonInstallation.create(tmp_path / "triton", tmp_path.parent)
    assert "pytorch" in installation.backend_names
    quiet = {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"}
    triton = TritonProcess(installation, tmp_path / "instance", quiet, start_seconds=120)
    await triton.start()
    try:
        loaded = await triton.load("abc", "x_v0.tar.gz", model, 120)
        assert loaded.ok, loaded.text
        reply = await triton.invoke("abc", "x_v0.tar.gz", json.dumps(request).encode(), {}, 60)
        assert reply.ok, reply.text
        answers = {one["name"]: one["data"] for one in json.loads(reply.body)["outputs"]}
        assert answers == {"OUTPUT__0": [6, 8], "OUTPUT__1": [4, 6]}
    finally:
        await triton.stop()

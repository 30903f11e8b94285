"""ONNX models on the wheel's Triton: completed, refused and answered as by the real backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto, TensorProto

from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here
from tests.archives.onnx_builder import doubled, sequence
from tests.mme_local.containers.triton import onnx_models as models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]

COMPLETE = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}
AS_WRITTEN = COMPLETE | {"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config"}
OPTIONAL = (
    'platform: "onnxruntime_onnx" input { name: "X" data_type: TYPE_FP32 dims: [ -1, 4 ] } '
    'input { name: "K" data_type: TYPE_FP32 dims: [ 1 ] optional: true } '
    'output { name: "Y" data_type: TYPE_FP32 dims: [ -1, 4 ] }'
)
SCALAR = (
    'platform: "onnxruntime_onnx" input { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } '
    'output { name: "Y" data_type: TYPE_FP32 dims: [ 1 ] }'
)


@dataclass(frozen=True)
class Case:
    """A model, its configuration, a request's inputs (type, shape, data), and the answer or error."""

    model: ModelProto | Callable[[Path], None]
    config: str
    inputs: dict[str, tuple[str, list[int], list[Any]]]
    answer: list[Any] | str
    file: str = "1/model.onnx"


FLOATS = {"X": ("FP32", [1, 4], [1, 2, 3, 4])}
DOUBLED = [2, 4, 6, 8]
COMPLETED = {
    "no tensors": Case(doubled(), 'backend: "onnxruntime"', FLOATS, DOUBLED),
    "only max_batch_size, in the directory form": Case(
        doubled(),
        'platform: "onnxruntime_onnx" max_batch_size: 2',
        FLOATS,
        DOUBLED,
        "1/model.onnx/model.onnx",
    ),
    "batches of a model without them": Case(
        doubled((1, 4)),
        'platform: "onnxruntime_onnx" max_batch_size: 2',
        FLOATS,
        "autofill failed for model",
    ),
}
WRITTEN = {
    "strings": Case(
        models.categories(),
        models.config("STRING", "[ 1 ]", output="INT64"),
        {"X": ("BYTES", [3, 1], ["grün", "red", "blue"])},
        [8, 7, -1],
    ),
    "strings returned": Case(
        models.identity(TensorProto.STRING),
        models.config("STRING", "[ 2 ]"),
        {"X": ("BYTES", [1, 2], ["ä", ""])},
        ["ä", ""],
    ),
    "external data": Case(models.with_external_weights, models.config(), FLOATS, [5, 10, 15, 20]),
    "an optional input left out": Case(models.scaled(), OPTIONAL, FLOATS, [3, 6, 9, 12]),
    "an optional input": Case(
        models.scaled(), OPTIONAL, {**FLOATS, "K": ("FP32", [1], [10])}, [10, 20, 30, 40]
    ),
    "a scalar": Case(models.total(), SCALAR, {"X": ("FP32", [4], [1, 2, 3, 4])}, [10]),
    "another output type": Case(
        doubled(),
        models.config(output="INT32"),
        FLOATS,
        "configuration expects datatype TYPE_INT32 for output 'Y', model provides TYPE_FP32",
    ),
    "a sequence": Case(sequence(), models.config(), FLOATS, "Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE'"),
    "no tensors, not completed": Case(
        doubled(), 'backend: "onnxruntime"', FLOATS, "configuration expects 0 inputs, model provides 1"
    ),
    "another file": Case(doubled(), models.config(), FLOATS, "unable to find '1/model.onnx'", "1/net.onnx"),
}


def write(case: Case, path: Path) -> None:
    file = path / case.file
    file.parent.mkdir(parents=True)
    (path / "config.pbtxt").write_text(case.config)
    if isinstance(case.model, ModelProto):
        file.write_bytes(case.model.SerializeToString())
    else:
        case.model(file)


async def served(triton: TritonProcess, folder: Path, handle: str, case: Case) -> list[Any] | str:
    path = folder / "instance" / "models" / handle / "model"
    write(case, path)
    target = f"{handle}_v0.tar.gz"
    loaded = await triton.load(handle, target, path, 60)
    if not loaded.ok:
        return loaded.text
    inputs = [
        {"name": name, "datatype": data_type, "shape": shape, "data": data}
        for name, (data_type, shape, data) in case.inputs.items()
    ]
    reply = await triton.invoke(handle, target, json.dumps({"inputs": inputs}).encode(), {}, 60)
    return list(json.loads(reply.body)["outputs"][0]["data"]) if reply.ok else reply.text


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any] | str]:
    folder = tmp_path_factory.mktemp("onnx")
    installation = TritonInstallation.create(folder / "triton")

    async def story() -> dict[str, list[Any] | str]:
        found: dict[str, list[Any] | str] = {}
        for environment, cases in ((COMPLETE, COMPLETED), (AS_WRITTEN, WRITTEN)):
            triton = TritonProcess(installation, folder / "instance", environment, start_seconds=120)
            await triton.start()
            try:
                for name, case in cases.items():
                    found[name] = await served(triton, folder, f"m{len(found)}", case)
            finally:
                await triton.stop()
        return found

    return asyncio.run(story())


@pytest.mark.parametrize("name", [*COMPLETED, *WRITTEN])
def test_a_model_is_answered_or_refused(name: str, answers: dict[str, list[Any] | str]) -> None:
    expected, found = (COMPLETED | WRITTEN)[name].answer, answers[name]
    assert found == expected or (isinstance(expected, str) and expected in found)

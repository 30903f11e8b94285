"""Models that others publish, from their file to an answer: `new --from`, publish, invoke on real Triton."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mme.client import MultiModelClient
from mme.registry.drafts.draft import DraftOptions
from mme.registry.drafts.from_file import model_from_file
from mme_local.testing.endpoint import LocalEndpoint

PACKAGES = Path(__file__).parents[2] / ".venv" / "models"
FILES = {
    "silero-vad": "silero_vad/data/silero_vad_op18_ifless.onnx",
    "silero-vad-openvino": "silero_vad/data/silero_vad_openvino_16k.onnx",
    "magika": "magika/models/standard_v3_3/model.onnx",
    "text-detection": "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    "text-direction": "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
}
SHAPES = {
    ("silero-vad", "input"): (1, 576),
    ("silero-vad", "state"): (2, 1, 128),
    ("text-detection", "x"): (1, 3, 64, 64),
    ("text-direction", "x"): (1, 3, 48, 192),
}
"""Sizes that the models leave open."""

pytestmark = [pytest.mark.nightly, pytest.mark.triton]


@pytest.mark.parametrize("name", FILES)
def test_the_answer_is_that_of_onnx_runtime(name: str, mme_endpoint: LocalEndpoint, tmp_path: Path) -> None:
    path = PACKAGES / FILES[name]
    if not path.exists():
        pytest.skip(
            f"{path.name} is not installed: make {PACKAGES.relative_to(PACKAGES.parents[1])}/.installed"
        )
    made = model_from_file(name, path, DraftOptions(), tmp_path)
    (target,) = mme_endpoint.publish(made.directory)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {one.name: _example(name, one) for one in session.get_inputs()}
    expected = dict(zip((one.name for one in session.get_outputs()), session.run(None, inputs), strict=True))
    # A single number is a tensor of one element on the wire.
    sent = {key: np.atleast_1d(value) for key, value in inputs.items()}
    client = MultiModelClient(mme_endpoint.name, client=mme_endpoint.client)
    answer = client.infer(target, sent)
    assert set(answer) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(answer[key], value, rtol=1e-4, atol=1e-5)


def _example(name: str, tensor: onnxruntime.NodeArg) -> np.ndarray:
    shape = [dim if isinstance(dim, int) else 1 for dim in tensor.shape]
    shape = SHAPES.get((name, tensor.name), shape)
    if tensor.type == "tensor(int64)":
        return np.full(shape, 16_000, np.int64)
    noise = np.random.default_rng(0).random(shape)
    return (noise * 200).astype(np.int32) if tensor.type == "tensor(int32)" else noise.astype(np.float32)

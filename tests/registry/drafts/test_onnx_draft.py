"""A model directory from a .onnx file: complete, and as Triton's backend accepts it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from mme.archives.explain import explain
from mme.archives.triton.config import TritonConfig, parse_config
from mme.errors import MmeError
from mme.registry.drafts.draft import DraftOptions, NewModel
from mme.registry.drafts.from_file import model_from_file
from tests.archives.onnx_builder import doubled, model, sequence, value, with_external

CUSTOM = model([helper.make_node("Mine", ["X"], ["Y"], domain="acme")], domains=["acme"])
ROWS = np.float32([[0, 0], [1, 1], [2, 0], [3, 1]])


@pytest.fixture
def make(tmp_path: Path):
    """Write a model to net.onnx and make its directory."""

    def make_it(made: onnx.ModelProto | bytes, **options: object) -> NewModel:
        source = tmp_path / "net.onnx"
        source.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        return model_from_file("net", source, DraftOptions(**options), tmp_path)  # type: ignore[arg-type]

    return make_it


def config_of(made: NewModel) -> TritonConfig:
    parsed = parse_config((made.directory / "config.pbtxt").read_bytes())
    assert isinstance(parsed, TritonConfig)
    return parsed


def test_a_batching_model(make) -> None:
    made = make(doubled(("N", 3, 2), TensorProto.INT64))
    found = explain(made.directory)
    assert found.codes == ("left-out",)
    signature = found.models[0].signature
    assert signature.max_batch_size == 8
    assert (signature.inputs[0].datatype, signature.inputs[0].dims) == ("INT64", (3, 2))
    assert made.facts[1] == "input X: INT64 [batch, 3, 2]"
    assert "the first dim of every tensor is dynamic (N)" in made.facts[3]
    request = json.loads(made.request.read_text())
    assert request == {"inputs": [{"name": "X", "datatype": "INT64", "shape": [1, 3, 2], "data": [0] * 6}]}


@pytest.mark.parametrize(
    ("dims", "reason"),
    [
        ((2, 4), "the first dim of X is not dynamic"),
        ((), "the first dim of X is not dynamic"),
        (("sequence_length", 4), "the first dim is called sequence_length"),
    ],
)
def test_a_model_without_batches(make, dims: tuple, reason: str) -> None:
    made = make(doubled(dims))
    assert config_of(made).signature.max_batch_size == 0
    assert any(reason in fact for fact in made.facts)
    assert explain(made.directory).codes == ("left-out",)


def test_inputs_with_different_first_dims_are_not_batched(make) -> None:
    node = helper.make_node("Concat", ["X", "B"], ["Y"], axis=0)
    made = make(model([node], [value("X", ("N", 4)), value("B", ("M", 4))], [value("Y", ("P", 4))]))
    assert config_of(made).signature.max_batch_size == 0
    assert any("(M, N)" in fact for fact in made.facts)


def test_the_user_decides_about_batches(make, tmp_path: Path) -> None:
    made = make(doubled(("tokens", 4)), max_batch_size=32)
    assert config_of(made).signature.max_batch_size == 32
    with pytest.raises(MmeError, match="can't take batches: X has the shape"):
        model_from_file("other", _write(tmp_path, doubled((2, 4))), DraftOptions(max_batch_size=2), tmp_path)


def test_a_gpu(make) -> None:
    made = make(doubled(), gpu=True)
    assert config_of(made).message.instance_group[0].kind == 1


def test_a_classifiers_label_is_reshaped(make) -> None:
    classifier = LogisticRegression().fit(ROWS, [0, 1, 1, 0])
    made = make(to_onnx(classifier, ROWS[:1], options={"zipmap": False}, target_opset=15))
    label = config_of(made).message.output[0]
    assert (list(label.dims), label.HasField("reshape"), list(label.reshape.shape)) == ([1], True, [])
    assert explain(made.directory).codes == ("left-out",)


def test_a_zipmap_is_refused(make, tmp_path: Path) -> None:
    classifier = LogisticRegression().fit(ROWS, [0, 1, 1, 0])
    with pytest.raises(MmeError, match=r"output_probability in .* is a sequence") as caught:
        make(to_onnx(classifier, ROWS[:1], target_opset=15))
    assert "options={'zipmap': False}" in str(caught.value.hint)
    with pytest.raises(MmeError, match="is a sequence"):
        make(sequence())
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_weights_in_other_files_are_copied(make, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.eye(4, dtype=np.float32).tobytes())
    made = make(with_external())
    assert (made.directory / "1" / "weights.bin").stat().st_size == 64
    assert explain(made.directory).servable


@pytest.mark.parametrize(
    ("location", "size", "message"),
    [
        ("weights.bin", None, "weights.bin is missing; it holds weights of net.onnx"),
        ("weights.bin", 60, "weights.bin has 60 of 64 bytes"),
        ("../weights.bin", 64, "outside its own directory"),
        ("/etc/passwd", 64, "outside its own directory"),
    ],
)
def test_weights_that_are_not_there(
    make, tmp_path: Path, location: str, size: int | None, message: str
) -> None:
    if size is not None:
        (tmp_path / "weights.bin").write_bytes(bytes(size))
    with pytest.raises(MmeError, match=message):
        make(with_external(location))
    assert not (tmp_path / "net").exists()


def test_open_outputs_are_those_that_onnx_runtime_infers(make) -> None:
    made = make(model(outputs=[value("Y", ("N", None))]))
    assert config_of(made).signature.outputs[0].dims == (4,)
    assert "sizes of outputs are those that ONNX Runtime infers" in made.facts
    assert explain(made.directory).warnings[0].code == "tensor-dims-open"


def test_an_output_without_a_shape(make) -> None:
    assert config_of(make(model(outputs=[value("Y", None)]))).signature.outputs[0].dims == (4,)


def test_odd_names_and_strings(make) -> None:
    name = 'serving "default"/x:0\\'
    node = helper.make_node("Identity", [name], ["Y"])
    made = make(
        model(
            [node], [value(name, (None, 2), TensorProto.STRING)], [value("Y", (None, 2), TensorProto.STRING)]
        )
    )
    spec = config_of(made).signature.inputs[0]
    assert (spec.name, spec.datatype) == (name, "BYTES")
    assert json.loads(made.request.read_text())["inputs"][0]["data"] == ["text", "text"]


def test_an_open_picture_has_a_usual_size_in_the_example(make) -> None:
    made = make(doubled((None, 3, "height", "width")))
    assert json.loads(made.request.read_text())["inputs"][0]["shape"] == [1, 3, 64, 64]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"<html>", "is HTML or XML"),
        (b"PK\x03\x04", "is a zip file, not an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (doubled().SerializeToString()[:-30], "ends in the middle"),
        (
            model(
                [helper.make_node("Mine", ["X"], ["Y"], domain="acme")], domains=["acme"]
            ).SerializeToString(),
            "acme",
        ),
        (model(outputs=[value("Y", (0, 4))]).SerializeToString(), "has a dim of size 0"),
    ],
)
def test_what_is_no_servable_model(make, tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(MmeError, match=message):
        make(content)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def _write(folder: Path, made: onnx.ModelProto) -> Path:
    path = folder / "other.onnx"
    path.write_bytes(made.SerializeToString())
    return path

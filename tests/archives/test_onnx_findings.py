"""config.pbtxt against the model's own file, by the rules of Triton's ONNX Runtime backend."""

from __future__ import annotations

import io
from typing import Any

import pytest

from mme.archives.check import check_model
from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explain import explain
from mme.archives.model_directory import Member
from mme.archives.model_files.onnx_model import OnnxModel
from mme.archives.triton.onnx_findings import OnnxFile, onnx_findings
from mme.catalog.images import catalog_image
from mme.catalog.onnx_runtime import onnx_runtime_of, onnx_runtimes
from tests.archives.archive_builder import pack
from tests.archives.broken_onnx import ONNX, SERVED
from tests.archives.onnx_builder import CONFIG, doubled, files, model


@pytest.mark.parametrize("name", SERVED)
def test_what_triton_loads_has_no_finding(name: str) -> None:
    assert explain(io.BytesIO(pack(SERVED[name]))).codes == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("input's name", "name it X"),
        ("output's name", "name it Y"),
        ("output's type", "data_type: TYPE_STRING"),
        ("any size over a fixed one", "dims: [ 4 ]"),
        ("label without reshape", "dims: [ 1 ] reshape { shape: [ ] }"),
        ("a sequence", "options={'zipmap': False}"),
        ("in a directory of its own", "move it from 1/onnx/model.onnx"),
        ("newer format", "set model.ir_version = 13"),
    ],
)
def test_the_hint_is_the_fix(name: str, hint: str) -> None:
    content, code, _ = ONNX[name]
    found = explain(io.BytesIO(content))
    assert hint in next(one.hint for one in found.findings if one.code == code)


def test_weights_under_another_name_are_recognised() -> None:
    archive = pack(
        {**files(model()), "1/model.onnx": SERVED["weights next to it"]["1/model.onnx"], "1/weight.bin": "x"}
    )
    assert (
        explain(io.BytesIO(archive)).errors[0].hint
        == "rename weight.bin to weights.bin, the name in the model"
    )


@pytest.mark.parametrize(
    ("config", "signature"),
    [
        (None, ("X", "Y", 4)),
        ('backend: "onnxruntime"', ("X", "Y", 4)),
        ('platform: "onnxruntime_onnx" max_batch_size: 16', ("X", "Y", 16)),
        (CONFIG.partition("output")[0], ("X", "Y", 8)),
    ],
)
def test_the_signature_is_completed_as_the_backend_does(config: str | None, signature: Any) -> None:
    made = {f"m/{path}": content for path, content in files(doubled(), config or "").items()}
    if config is None:
        del made["m/config.pbtxt"]
    found = explain(io.BytesIO(pack(made))).models[0].signature
    assert (found.inputs[0].name, found.outputs[0].name, found.max_batch_size) == signature
    assert found.request_shape(found.inputs[0]) == (-1, 4)


def test_inputs_with_a_batch_dim_are_refused_when_triton_completes_the_outputs() -> None:
    """Completing turns batching on, and the inputs then have a dim too many."""
    config = CONFIG.partition("output")[0].replace("size: 8", "size: 0").replace("[ 4 ]", "[ -1, 4 ]")
    found = explain(io.BytesIO(pack(files(doubled(), config))))
    assert found.errors[0].code == "tensor-dims"
    assert found.errors[0].hint == "dims: [ 4 ], without the batch, which max_batch_size adds"


def test_publishing_checks_the_model(make_model: Any) -> None:
    from mme.archives.errors import ArchiveError

    root = make_model(files(doubled(), CONFIG.replace("FP32", "FP64")))
    with pytest.raises(ArchiveError) as caught:
        check_model(root)
    assert caught.value.codes == ("tensor-type", "tensor-type")


def test_a_published_model_has_its_completed_signature(make_model: Any) -> None:
    root = make_model(files(doubled(), 'platform: "onnxruntime_onnx"'))
    assert [spec.name for spec in check_model(root).signature.inputs] == ["X"]


def test_the_image_decides_what_is_too_new() -> None:
    archive = pack(files(model(opset=21)))
    assert explain(io.BytesIO(archive)).codes == ()
    old = explain(io.BytesIO(archive), image_version="23.12")
    assert old.servable
    assert old.warnings[0].message.endswith("ONNX Runtime 1.16.3 of Triton 23.12 loads up to 19")
    assert explain(io.BytesIO(archive), image_version="99.01").codes == ()


def test_every_triton_image_of_the_catalog_has_its_onnx_runtime() -> None:
    versions = catalog_image("triton").versions
    assert [one.image for one in onnx_runtimes()] == list(versions)
    assert onnx_runtime_of(versions[0]) == onnx_runtimes()[0]


def test_a_file_that_protobuf_can_not_parse() -> None:
    file = OnnxFile("1/model.onnx", OnnxModel(), None, "config.pbtxt")
    contents = Contents([Member("1/model.onnx", 2**31)])
    found = list(onnx_findings(file, 2**31, contents, EndpointTraits()))
    assert found[0].code == "onnx-too-large"
    assert "2,147,483,648 bytes" in found[0].message

"""config.pbtxt through Triton's schema, and the signature in the metadata of the archive."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.signature import SIGNATURE_MAX_BYTES, TensorSignature, TensorSpec
from mme.archives.triton.config import TritonConfig, parse_config
from mme.findings import Finding


def parsed(text: str) -> TritonConfig:
    config = parse_config(text.encode())
    assert isinstance(config, TritonConfig)
    return config


def test_signature_names_kserve_types() -> None:
    config = parsed(
        """
        platform: "onnxruntime_onnx"  # comments and both list forms are fine
        max_batch_size: 8
        input [ { name: "text" data_type: TYPE_STRING dims: [ -1 ] } ]
        input { name: "half" data_type: TYPE_BF16 dims: 2 dims: 3 }
        output [ { name: "ok" data_type: TYPE_BOOL dims: [ 1 ] } ]
        """
    )
    assert config.signature == TensorSignature(
        inputs=(TensorSpec("text", "BYTES", (-1,)), TensorSpec("half", "BF16", (2, 3))),
        outputs=(TensorSpec("ok", "BOOL", (1,)),),
        max_batch_size=8,
        platform="onnxruntime_onnx",
    )
    assert config.backend == "onnxruntime"
    assert config.model_file == "model.onnx"
    assert config.signature.request_shape(config.signature.inputs[1]) == (-1, 2, 3)


def test_schema_needs_no_grpc() -> None:
    script = (
        "import sys; from mme.archives.triton.config import parse_config; parse_config(b'');"
        "sys.exit('grpc' in sys.modules or 'tritonclient.grpc' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


specs = st.builds(
    TensorSpec,
    st.text(max_size=20),
    st.sampled_from(["FP32", "BYTES", "INT64"]),
    st.lists(st.integers(-1, 10_000), max_size=4).map(tuple),
)
signatures = st.builds(
    TensorSignature,
    st.lists(specs, max_size=3).map(tuple),
    st.lists(specs, max_size=3).map(tuple),
    st.integers(0, 1000),
    st.text(max_size=20),
)


@given(signatures)
def test_metadata_round_trip(signature: TensorSignature) -> None:
    text = signature.to_metadata()
    if text is not None:
        text.encode("ascii")  # S3 takes nothing else in a header
        assert TensorSignature.from_metadata(text) == signature


@given(st.text() | st.from_regex(r'\{"in":.*\}'))
def test_foreign_metadata_is_not_a_signature(text: str) -> None:
    assert TensorSignature.from_metadata(text) is None or text.startswith("{")


def test_contract_form() -> None:
    signature = parsed(
        'backend: "python" input { name: "INPUT0" data_type: TYPE_FP32 dims: 4 }'
        ' output { name: "OUTPUT0" data_type: TYPE_FP32 dims: 4 }'
    ).signature
    assert signature.to_metadata() == (
        '{"in":[["INPUT0","FP32",[4]]],"out":[["OUTPUT0","FP32",[4]]],"batch":0,"platform":"python"}'
    )


def test_an_optional_input_is_stored_as_one() -> None:
    signature = parsed(
        'backend: "python" input { name: "X" data_type: TYPE_FP32 dims: 4 }'
        ' input { name: "K" data_type: TYPE_FP32 dims: 1 optional: true }'
    ).signature
    stored = signature.to_metadata()
    assert stored is not None
    assert '["K","FP32",[1],true]' in stored
    assert TensorSignature.from_metadata(stored) == signature
    assert [spec.kind for spec in signature.inputs] == ["FP32", "FP32, optional"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"name": "m", "backend": "python"}', "it is JSON: write protobuf text"),
        ("backend: 'python'\nmax_batch_size: ${batch}", "fill in the placeholder ${batch} in line 2"),
        ("max_batch_size: {{batch}}", "fill in the placeholder {{batch}} in line 1"),
        ("input { name: 'X' data_type: FP32 dims: 4 }", "did you mean TYPE_FP32?"),
        ("input { name: 'X' data_type: TYPE_BYTES dims: 4 }", "did you mean TYPE_STRING?"),
        ("max_batchsize: 8", "did you mean max_batch_size?"),
        ("input { name: 'X' data_type: 99 dims: 4 }", "write the value's name, such as TYPE_FP32"),
        ("instance_group { kind: 99 }", "such as TYPE_FP32 or KIND_CPU"),
        ("model_warmup { inputs { key: 'X' value { data_type: 99 } } }", "such as TYPE_FP32"),
    ],
)
def test_pasted_text_is_recognised(text: str, hint: str) -> None:
    found = parse_config(text.encode())
    assert isinstance(found, Finding)
    assert found.code == "config-syntax"
    assert hint in found.hint


def test_long_signature_is_left_out() -> None:
    many = tuple(TensorSpec(f"input_{number}", "FP32", (1, 2, 3)) for number in range(100))
    assert TensorSignature(inputs=many).to_metadata() is None
    assert SIGNATURE_MAX_BYTES == 1500

"""A SavedModel's signatures."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.explain import explain
from mme.archives.model_files.content_stream import FileStream
from mme.archives.model_files.saved_model import read_saved_model
from mme.archives.model_files.wire import WireError
from mme.archives.signature import TensorSpec
from tests.archives.archive_builder import pack
from tests.archives.model_files.saved_model_builder import saved_model


def test_tensors_of_the_default_signature() -> None:
    content = saved_model(graph=bytes(10**6))
    found = read_saved_model(FileStream.of(content), len(content)).serving
    assert found is not None
    assert found.inputs == (TensorSpec("ids", "INT64", (-1,)), TensorSpec("x", "FP32", (-1, 4)))
    assert found.outputs == (TensorSpec("y", "FP32", (-1,)),)


@given(st.binary(max_size=300))
def test_noise_has_no_signature(content: bytes) -> None:
    try:
        assert read_saved_model(FileStream.of(content), len(content)).serving is None
    except WireError:
        return


def test_explain_shows_them() -> None:
    found = explain(io.BytesIO(pack({"1/saved_model.pb": saved_model(), "1/variables/x": "x"})))
    assert found.codes == ()
    assert [spec.name for spec in found.models[0].signature.inputs] == ["ids", "x"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"<html>", "model-file-foreign"), (saved_model()[:-9], "model-file-truncated")],
)
def test_explain_reports_what_is_not_one(content: bytes, code: str) -> None:
    found = explain(io.BytesIO(pack({"1/saved_model.pb": content, "1/variables/x": "x"})))
    assert found.codes == (code,)

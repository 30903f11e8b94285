"""The handlers of workers, without a server."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sagemaker_inference.errors import BaseInferenceToolkitError

from mme_local.containers.mms.handlers import recordio, service
from mme_local.containers.mms.handlers.xgboost_algorithm import XGBoostAlgorithmHandler
from mme_local.containers.mms.handlers.xgboost_data import Format, read_matrix
from tests.archives.archive_builder import write_files
from tests.mme_local.containers.mms.sources import ROWS, booster_files, csv, predictions


def record(values: list[float], keys: list[int] = [], shape: list[int] = [], kind: str = "float32") -> bytes:  # noqa: B006
    """A frame with one record."""
    one = recordio._record_class()()
    tensor = getattr(one.features["values"], f"{kind}_tensor")
    tensor.values.extend(values)
    tensor.keys.extend(keys)
    tensor.shape.extend(shape)
    data = one.SerializeToString()
    return struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)


def test_the_bytes_of_a_record() -> None:
    """As the developer guide's schema encodes it: features/values/float32_tensor/values, packed."""
    packed = b"\x0a\x04" + struct.pack("<f", 1.5)
    value = b"\x12" + bytes([len(packed)]) + packed
    entry = b"\x0a\x06values\x12" + bytes([len(value)]) + value
    data = b"\x0a" + bytes([len(entry)]) + entry
    frame = struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)
    assert recordio.read_records(frame).tolist() == [[1.5]]
    assert record([1.5]) == frame


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=3, max_size=3), min_size=1, max_size=5))
def test_dense_records(rows: list[list[int]]) -> None:
    for kind in ("float32", "float64", "int32"):
        body = b"".join(record(row, kind=kind) for row in rows)  # type: ignore[arg-type]
        assert recordio.read_records(body).tolist() == rows


def test_sparse_records() -> None:
    found = recordio.read_records(record([5.0, 6.0], [1, 3], [4]) + record([7.0], [0], [4]))
    assert scipy.sparse.issparse(found)
    assert found.toarray().tolist() == [[0, 5, 0, 6], [7, 0, 0, 0]]


@given(st.binary(max_size=60))
def test_any_bytes_are_records_or_refused(body: bytes) -> None:
    try:
        recordio.read_records(body)
    except ValueError:
        return
    raise AssertionError("random bytes are no record")


@given(st.integers(0, 40))
def test_cut_records_are_refused(length: int) -> None:
    whole = record([1.0, 2.0, 3.0], [0, 1, 2], [4])
    with pytest.raises(ValueError, match=r"cut off|holds no record|ends within"):
        recordio.read_records(whole[: min(length, len(whole) - 4)])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", "1,2,,4\n5,6,7,8"),
        ("text/csv; label_size=1", b"1;2;;4\n5;6;7;8\n"),
        ("text/libsvm", "1 0:1 1:2 3:4\n0 0:5 1:6 2:7 3:8"),
        (None, b"0:1 1:2 3:4\n0:5 1:6 2:7 3:8"),
        ("application/x-recordio-protobuf", record([1, 2, 4], [0, 1, 3], [4]) + record([5, 6, 7, 8])),
    ],
)
def test_payloads_of_xgboost(content_type: str | None, body: str | bytes) -> None:
    matrix = read_matrix(body, content_type)
    assert (matrix.num_row(), matrix.num_col()) == (2, 4)
    dense = matrix.get_data().toarray()
    assert np.nan_to_num(dense).tolist() == [[1, 2, 0, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/csv", "a,b", 400),
        ("text/csv", "1,2\n3", 400),
        ("text/csv", "", 400),
        ("text/libsvm", "1 a:2", 400),
        ("application/x-recordio-protobuf", b"1,2", 400),
        ("image/png", b"1", 415),
    ],
)
def test_payloads_that_are_refused(content_type: str, body: str | bytes, status: int) -> None:
    with pytest.raises(BaseInferenceToolkitError) as refused:
        read_matrix(body, content_type)
    assert refused.value.status_code == status


@pytest.mark.parametrize("kind", ["ubj", "json", "pickle"])
def test_algorithm_mode(tmp_path: Path, kind: str) -> None:
    write_files(tmp_path, booster_files(kind) | {".hidden": "x", "code/inference.py": "raise SystemExit"})
    handler = XGBoostAlgorithmHandler()
    model = handler.default_model_fn(str(tmp_path))
    predicted = handler.default_predict_fn(handler.default_input_fn(csv(ROWS[:3]), "text/csv"), model)
    text, content_type = handler.default_output_fn(predicted, "application/json")
    assert (json.loads(text), content_type) == (pytest.approx(predictions(ROWS[:3])), "application/json")
    text, content_type = handler.default_output_fn(predicted, "text/csv")
    assert [float(one) for one in text.split(",")] == pytest.approx(predictions(ROWS[:3]))
    with pytest.raises(BaseInferenceToolkitError, match="Feature size of csv inference data 9"):
        handler.default_predict_fn((read_matrix("1,2,3,4,5,6,7,8,9", "text/csv"), Format.CSV), model)


def test_an_archive_without_a_booster(tmp_path: Path) -> None:
    write_files(tmp_path, {"deep/xgboost-model": "x"})
    with pytest.raises(BaseInferenceToolkitError, match="no model file is at the archive's root"):
        XGBoostAlgorithmHandler().default_model_fn(str(tmp_path))


class Context(SimpleNamespace):
    """What the server gives a service."""

    def set_response_status(self, **status: Any) -> None:
        self.status = status


def test_a_handler_that_is_neither_a_function_nor_one_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(service.HANDLER, "json")
    monkeypatch.setenv(service.FAILED_LOADS, str(tmp_path))
    context = Context(model_name="m", system_properties={"model_dir": str(tmp_path)}, status={})
    one = service.Service()
    one.initialize(context)
    failure = json.loads((tmp_path / "m").read_text())
    assert "the handler json has no function handle and 0 classes" in failure["message"]
    assert one.handle([], context) == [failure["message"]]
    assert context.status["code"] == 500
    assert "\n" not in context.status["phrase"]

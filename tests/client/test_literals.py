"""Tensors as typed on a command line or written in a file."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mme.archives.signature import TensorSignature, TensorSpec
from mme.client import TensorError
from mme.client.files import save_outputs
from mme.client.literals import load_json_inputs, parse_input, parse_parameter

ADD_SUB = TensorSignature(inputs=(TensorSpec("INPUT0", "FP32", (4,)), TensorSpec("INPUT1", "FP32", (4,))))
DIGITS = TensorSignature(inputs=(TensorSpec("image", "FP32", (8, 8)),), max_batch_size=128)
MIXED = TensorSignature(
    inputs=(
        TensorSpec("text", "BYTES", (-1,)),
        TensorSpec("ids", "INT64", (2,)),
        TensorSpec("flag", "BOOL", (1,)),
    ),
    max_batch_size=4,
)


def test_numbers_take_the_declared_type_and_shape() -> None:
    tensor = parse_input("INPUT0=1,2, 3,-4e1", ADD_SUB)
    assert (tensor.name, tensor.datatype, tensor.array.dtype) == ("INPUT0", "FP32", np.float32)
    assert tensor.array.tolist() == [1, 2, 3, -40]


def test_batch_dimension_is_added() -> None:
    one = ",".join(["1"] * 64)
    assert parse_input(f"image={one}", DIGITS).array.shape == (1, 8, 8)
    assert parse_input(f"image={one},{one}", DIGITS).array.shape == (2, 8, 8)
    nested = json.dumps([[0] * 8] * 8)
    assert parse_input(f"image={nested}", DIGITS).array.shape == (1, 8, 8)
    assert parse_input(f"image=[{nested}]", DIGITS).array.shape == (1, 8, 8)


def test_other_types() -> None:
    text = parse_input("text=ab,cd", MIXED)
    assert (text.array.tolist(), text.datatype) == ([[b"ab", b"cd"]], "BYTES")
    assert parse_input('text=["a,b"]', MIXED).array.tolist() == [[b"a,b"]]
    assert parse_input("ids=1,9007199254740993", MIXED).array.tolist() == [[1, 9007199254740993]]
    assert parse_input("flag=true", MIXED).array.tolist() == [[True]]


def test_without_a_signature() -> None:
    tensor = parse_input("X=1,2")
    assert (tensor.datatype, tensor.array.shape) == ("FP32", (2,))
    tensor = parse_input("X:INT64=1,2")
    assert (tensor.name, tensor.datatype, tensor.array.dtype) == ("X", "INT64", np.int64)
    assert parse_input("x:0=1").name == "x:0"
    assert parse_input("x:0:FP16=1").datatype == "FP16"
    assert parse_input("X:BYTES=a=b").array.tolist() == [b"a=b"]
    assert parse_input("X=").array.shape == parse_input("X=[]").array.shape == (0,)
    assert parse_input("X:BYTES=").array.tolist() == [b""]
    assert parse_input("X:BYTES=[]").array.shape == (0,)
    assert parse_input("X=inf,-inf").array.tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("text", "signature", "words"),
    [
        ("INPUT0", ADD_SUB, "not of the form NAME=VALUES"),
        ("=1", None, "not of the form"),
        ("INPUT9=1", ADD_SUB, "the model has no input INPUT9"),
        ("INPUT0=1,2,3", ADD_SUB, "shape [3] does not fit FP32 [4]"),
        ("INPUT0=1,x,3,4", ADD_SUB, "'x' is not a FP32 value"),
        ("INPUT0=", ADD_SUB, "shape [0] does not fit FP32 [4]"),
        ("INPUT0=1,2,3,1e400", ADD_SUB, "'1e400' is not a FP32 value"),
        ("INPUT0=[1,2,3,1e400]", ADD_SUB, "1e400 is too large"),
        ("X:FP16=70000", None, "70000.0 is too large for FP16"),
        ('text=[{"b64": "aGk="}]', MIXED, '{"b64": "aGk="} is not a string'),
        ("ids=1.5,2", MIXED, "'1.5' is not a INT64 value"),
        ("flag=2", MIXED, "'2' is not a BOOL value"),
        ("INPUT0=[1,2", ADD_SUB, "is not a JSON list"),
        ("INPUT0=[[1],[1,2]]", ADD_SUB, "have different lengths"),
        ("image=1,2,3", DIGITS, "128 of them at most"),
        ("INPUT0=@absent.npy", ADD_SUB, "absent.npy can't be read: no such file"),
    ],
)
def test_invalid_inputs(text: str, signature: TensorSignature | None, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        parse_input(text, signature)
    assert words in caught.value.message


def test_hint_lists_the_inputs() -> None:
    with pytest.raises(TensorError) as caught:
        parse_input("x=1", ADD_SUB)
    assert caught.value.hint == "its inputs are: INPUT0 FP32 [4], INPUT1 FP32 [4]"


def test_npy_files(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.ones((8, 8)))
    tensor = parse_input(f"image=@{path}", DIGITS)
    assert tensor.array.shape == (1, 8, 8)
    assert tensor.datatype == "FP32"
    assert parse_input(f"X=@{path}").datatype is None
    path.write_bytes(b"not numpy")
    with pytest.raises(TensorError, match=r"not a \.npy file of plain numbers"):
        parse_input(f"X=@{path}")
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(TensorError, match=r"not a \.npy file of plain numbers"):
        parse_input(f"X=@{path}")
    np.savez(tmp_path / "many.npz", a=np.ones(1))
    with pytest.raises(TensorError, match="several arrays"):
        parse_input(f"X=@{tmp_path / 'many.npz'}")


def test_json_files(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text('{"INPUT0": [1, 2, 3, 4], "INPUT1": [[5, 6, 7, 8]]}')
    first, second = load_json_inputs(path)
    assert (first.array.tolist(), second.array.shape) == ([1, 2, 3, 4], (1, 4))
    path.write_text('{"flag": true, "ids": [[1, 2], [3, 4]]}')
    flag, ids = load_json_inputs(path, MIXED)
    assert (flag.array.tolist(), ids.array.shape) == ([[True]], (2, 2))
    path.write_text('{"inputs": [{"name": "X", "shape": [2], "datatype": "UINT8", "data": [1, 2]}]}')
    (only,) = load_json_inputs(path)
    assert (only.name, only.datatype, only.array.dtype) == ("X", "UINT8", np.uint8)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "has no inputs"),
        ("{}", "has no inputs"),
        ('{"ids": ["x", "y"]}', "input ids"),
        ('{"text": [null]}', "null is not a string"),
        ('{"text": [true, "a"]}', "true is not a string"),
        (
            '{"inputs": [{"name": "X", "shape": [1], "datatype": "BYTES", "data": [{"b64": ""}]}]}',
            "not a string",
        ),
        ('{"ids": [1e999, 2]}', "1e999 is too large"),
        ("[" * 100_000, "is not JSON"),
        ('{"inputs": [{"name": "X"}]}', "lacks its name"),
        ('{"inputs": [{"name": "X", "shape": [1], "datatype": "INT8"}]}', "needs name, shape"),
        ('{"inputs": [{"name": "X", "shape": [1], "datatype": "INT8", "data": [300]}]}', "INT8"),
        ('{"inputs": [{"name": "X", "shape": [1], "datatype": "INT8", "data": [1.5]}]}', "INT8"),
        ('{"inputs": [{"name": "X", "shape": [3], "datatype": "INT8", "data": [1]}]}', r"INT8 \[3\]"),
        (
            '{"inputs": [{"name": "X", "shape": [2], "datatype": "FP32", "data": [[1], [1, 2]]}]}',
            r"FP32 \[2\]",
        ),
    ],
)
def test_broken_json_files(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "request.json"
    path.write_text(content)
    with pytest.raises(TensorError, match=words):
        load_json_inputs(path, MIXED)
    with pytest.raises(TensorError, match="can't be read"):
        load_json_inputs(tmp_path / "absent.json")


@given(
    hnp.arrays(st.sampled_from([np.float16, np.float32, np.int64, np.bool_]), hnp.array_shapes(min_side=0))
)
def test_saved_json_is_read_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("json") / "x.json"
    strings = np.array(["é", ""], dtype=object)
    save_outputs(path, {"Y": array, "S": strings})
    saved = json.loads(path.read_text(), parse_constant=pytest.fail)
    path.write_text(json.dumps({"model": "m_v0.tar.gz", "outputs": saved}))
    for tensors in (load_json_inputs(path), load_json_inputs(path, ADD_SUB)):
        first, second = tensors
        assert (first.name, first.array.dtype) == ("Y", array.dtype)
        np.testing.assert_array_equal(first.array, array)
        assert second.array.tolist() == ["é".encode(), b""]


def test_outputs_may_have_the_names_of_numpy_s_parameters(tmp_path: Path) -> None:
    outputs = {name: np.ones(2) for name in ("file", "allow_pickle", "args", "a/b")}
    save_outputs(tmp_path / "out.npz", outputs)
    assert {name: saved.tolist() for name, saved in np.load(tmp_path / "out.npz").items()} == {
        name: [1, 1] for name in outputs
    }


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=4, max_size=4))
def test_any_float_comes_through(values: list[float]) -> None:
    tensor = parse_input("INPUT0=" + ",".join(map(repr, values)), ADD_SUB)
    np.testing.assert_array_equal(tensor.array, np.array(values, np.float32))


@given(st.text())
def test_any_text_gives_a_tensor_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(TensorError):
        assert parse_input(text, ADD_SUB).array.shape == (4,)


def test_types_in_any_case_and_unknown_ones() -> None:
    assert parse_input("X:int64=1").datatype == "INT64"
    for wrong in ("FLOAT", "fp8", "TYPE_FP32", "float32"):
        with pytest.raises(TensorError, match=f"'{wrong}' is not a Triton data type") as caught:
            parse_input(f"X:{wrong}=1", ADD_SUB)
        assert "BF16, BOOL, BYTES, FP16, FP32" in (caught.value.hint or "")


def test_a_colon_in_a_declared_name_is_part_of_it() -> None:
    signature = TensorSignature(
        inputs=(TensorSpec("scope:FP32", "INT32", (1,)), TensorSpec("a:b", "INT8", (1,)))
    )
    assert parse_input("scope:FP32=1", signature).name == "scope:FP32"
    assert parse_input("a:b=1", signature).datatype == "INT8"
    assert parse_input("a:b:INT64=1", signature).datatype == "INT64"


def test_rows_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("1,2.5,3,4\r\n5, 6,7,8\n")
    batched = replace(ADD_SUB, max_batch_size=8)
    assert parse_input(f"INPUT0=@{path}", batched).array.tolist() == [[1, 2.5, 3, 4], [5, 6, 7, 8]]
    with pytest.raises(TensorError, match=r"input X: '2\.5' is not a INT64 value"):
        parse_input(f"X:INT64=@{path}")
    path.write_text("1,2\n3\n")
    with pytest.raises(TensorError, match="its lists have different lengths"):
        parse_input(f"X=@{path}")


@pytest.mark.parametrize("declared", [None, TensorSignature(inputs=(TensorSpec("IMG", "BYTES", (1,)),))])
def test_a_file_is_one_item_of_bytes(tmp_path: Path, declared: TensorSignature | None) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\0\0")
    tensor = parse_input(f"{'IMG' if declared else 'IMG:BYTES'}=@{path}", declared)
    assert (tensor.datatype, tensor.array.tolist()) == ("BYTES", [b"\xff\xd8\0\0"])


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("top=3", ("top", 3)),
        ("p=0.5", ("p", 0.5)),
        ("fast=true", ("fast", True)),
        ("mode=fast", ("mode", "fast")),
        ('mode="3"', ("mode", "3")),
        ("list=[1]", ("list", "[1]")),
        ("empty=", ("empty", "")),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_parameters(text: str, parameter: tuple[str, object]) -> None:
    assert parse_parameter(text) == parameter
    assert type(parse_parameter(text)[1]) is type(parameter[1])


@pytest.mark.parametrize("text", ["top", "=3", ""])
def test_invalid_parameters(text: str) -> None:
    with pytest.raises(TensorError, match="not of the form NAME=VALUE"):
        parse_parameter(text)

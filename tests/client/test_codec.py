"""The bytes of requests and responses, and a round trip of every type."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mme.client import ReplyError, TensorError, decode_reply, encode_request
from mme.client.codec import BINARY_CONTENT_TYPE, check_header_size
from mme.client.datatypes import NUMPY_TYPES, datatype_of, from_wire, to_wire

TYPE = "application/vnd.sagemaker-triton.binary+json"
SPELLED_RIGHT = (
    f"{TYPE};json-header-size={{}}",
    f"{TYPE};json-header-size= {{}}",
    f"{TYPE};json-header-size=+{{}}",
    f"{TYPE};json-header-size={{}}; charset=utf-8",
)
SPELLED_WRONG = (
    TYPE,
    TYPE.title() + ";json-header-size={}",
    f"{TYPE}; json-header-size={{}}",
    f"{TYPE} ;json-header-size={{}}",
    f"{TYPE};json-header-size ={{}}",
    f"{TYPE};Json-Header-Size={{}}",
    f"{TYPE};charset=utf-8;json-header-size={{}}",
)


def split(request) -> tuple[dict, bytes]:
    size = int(request.content_type.rpartition("=")[2])
    return json.loads(request.body[:size]), request.body[size:]


def reply(outputs: list[dict], tail: bytes = b"") -> tuple[bytes, str]:
    header = json.dumps({"model_name": "m", "model_version": "1", "outputs": outputs}).encode()
    return (
        header + tail,
        f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(header)}",
    )


def test_request_by_hand() -> None:
    request = encode_request(
        {"A": np.array([[1.0, -2.0]], dtype=np.float32), "S": np.array(["hé", b"\x00"], dtype=object)}
    )
    header, tail = split(request)
    assert request.content_type.startswith("application/vnd.sagemaker-triton.binary+json;json-header-size=")
    assert header == {
        "inputs": [
            {"name": "A", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
            {"name": "S", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 12}},
        ],
        "parameters": {"binary_data_output": True},
    }
    # 1.0 and -2.0 in IEEE 754, little-endian; then each string with its length in front.
    assert tail == bytes.fromhex("0000803f 000000c0 03000000 68c3a9 01000000 00")


def test_request_for_some_outputs() -> None:
    header, _ = split(encode_request({"A": np.zeros(1)}, outputs=["Y"]))
    assert header["outputs"] == [{"name": "Y", "parameters": {"binary_data": True}}]
    assert "parameters" not in header


@pytest.mark.parametrize(
    ("datatype", "value", "wire"),
    [
        ("BOOL", np.array([True, False]), "0100"),
        ("UINT16", np.array([258], np.uint16), "0201"),
        ("UINT64", np.array([2**64 - 1], np.uint64), "ffffffffffffffff"),
        ("INT32", np.array([-2], np.int32), "feffffff"),
        ("FP16", np.array([1.5], np.float16), "003e"),
        ("FP64", np.array([1.5], np.float64), "000000000000f83f"),
    ],
)
def test_numbers_by_hand(datatype: str, value: np.ndarray, wire: str) -> None:
    assert datatype_of(value) == datatype
    assert bytes(to_wire(value, datatype)) == bytes.fromhex(wire)
    back = from_wire(memoryview(bytes.fromhex(wire)), datatype, value.shape)
    np.testing.assert_array_equal(back, value)
    assert back.dtype == value.dtype
    assert back.flags.writeable
    assert back.flags.aligned


arrays = st.sampled_from(sorted(NUMPY_TYPES)).flatmap(
    lambda name: hnp.arrays(NUMPY_TYPES[name], hnp.array_shapes(min_dims=1, max_dims=4, min_side=0))
)
strings = hnp.arrays(
    object, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0), elements=st.binary(max_size=9)
)


@given(st.dictionaries(st.text(min_size=1), arrays | strings, min_size=1, max_size=4))
def test_round_trip_as_an_echo(tensors: dict[str, np.ndarray]) -> None:
    header, tail = split(encode_request(tensors))
    back = decode_reply(*reply(header["inputs"], tail))
    assert list(back) == list(tensors)
    for name, array in tensors.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)


@given(arrays)
def test_memory_layout_changes_nothing(array: np.ndarray) -> None:
    name = datatype_of(array)
    expected = bytes(to_wire(array, name))
    assert bytes(to_wire(np.asfortranarray(array), name)) == expected
    assert bytes(to_wire(array.astype(array.dtype.newbyteorder(">")), name)) == expected


LARGE = float(np.float32(3.38e38))
"""Just below BF16's largest value."""


@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 20),
        elements=st.floats(-LARGE, LARGE, width=32) | st.sampled_from([np.nan, np.inf, -np.inf]),
    )
)
def test_bfloat16_is_the_nearest(array: np.ndarray) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with np.errstate(all="ignore"):
        expected = array.astype(ml_dtypes.bfloat16)
    wire = to_wire(array, "BF16")
    back = from_wire(memoryview(wire), "BF16", array.shape)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, expected.astype(np.float32))
    assert datatype_of(expected) == "BF16"
    np.testing.assert_array_equal(
        from_wire(memoryview(to_wire(expected, "BF16")), "BF16", array.shape), expected.astype(np.float32)
    )


def test_text_arrays_and_scalars() -> None:
    header, tail = split(encode_request({"S": np.array(["a", "bc"]), "N": np.int32(5)}))
    assert tail == struct.pack("<I", 1) + b"a" + struct.pack("<I", 2) + b"bc" + struct.pack("<i", 5)
    assert header["inputs"][1]["shape"] == [1]


def test_nothing_of_a_string_is_lost() -> None:
    for value in ([b"ab\0c\0\0", "x\0"], np.array([b"ab\0c\0\0", "x\0"], object), (b"ab\0c\0\0", "x\0")):
        _, tail = split(encode_request({"B": value}))
        assert tail == struct.pack("<I", 6) + b"ab\0c\0\0" + struct.pack("<I", 2) + b"x\0"


def test_infinities_and_empty_requests_are_sent() -> None:
    values = np.array([np.inf, -np.inf, np.nan])
    for datatype in ("FP16", "FP32", "BF16"):
        _, tail = split(encode_request({"A": values}, datatypes={"A": datatype}))
        np.testing.assert_array_equal(from_wire(memoryview(tail), datatype, (3,)), values)
    assert split(encode_request({}))[0] == {"inputs": [], "parameters": {"binary_data_output": True}}


@pytest.mark.parametrize(("datatype", "wire"), [("FP16", "003c 0040"), ("BF16", "803f 0040")])
def test_requested_type_is_sent(datatype: str, wire: str) -> None:
    header, tail = split(encode_request({"A": np.array([1, 2])}, datatypes={"A": datatype}))
    assert header["inputs"][0]["datatype"] == datatype
    assert tail == bytes.fromhex(wire)


@pytest.mark.parametrize(
    ("value", "datatypes", "words"),
    [
        (np.array([1j]), {}, "no data type for numpy's complex128"),
        (np.array(["2020"], "datetime64"), {}, "no data type"),
        (np.array([1.5]), {"A": "INT32"}, "can't be sent as INT32"),
        (np.array([300]), {"A": "UINT8"}, "can't be sent as UINT8"),
        (np.array([-1]), {"A": "UINT64"}, "can't be sent as UINT64"),
        (np.array([1.5]), {"A": "FLOAT"}, "'FLOAT' is not a Triton data type"),
        (np.array([object()]), {}, "holds strings or bytes, not object"),
        (np.array(["x"]), {"A": "BF16"}, "BF16"),
        (np.array([1, 70000]), {"A": "FP16"}, "70000 is too large for FP16"),
        (np.array([[-1e300]]), {"A": "FP32"}, "-1e+300 is too large for FP32"),
        (np.array([3.4e38], np.float32), {"A": "BF16"}, "is too large for BF16"),
        (np.array([1e300]), {"A": "BF16"}, "1e+300 is too large for FP32"),
        ([b"x", 1], {}, "holds strings or bytes, not int"),
        ([[1], [1, 2]], {}, "different lengths"),
        (["\ud800"], {}, "a string is not valid Unicode"),
        (np.array(["\ud800"]), {}, "a string is not valid Unicode"),
    ],
)
def test_invalid_arrays(value: np.ndarray, datatypes: dict[str, str], words: str) -> None:
    with pytest.raises(TensorError, match=r"^input A: ") as caught:
        encode_request({"A": value}, datatypes=datatypes)
    assert words in caught.value.message


def test_reply_in_json_and_binary() -> None:
    outputs = [
        {"name": "Y", "datatype": "FP32", "shape": [2, 1], "data": [1.5, 2]},
        {"name": "S", "datatype": "BYTES", "shape": [1], "data": ["hé"]},
        {"name": "B", "datatype": "BOOL", "shape": [2], "data": [True, False]},
        {"name": "I", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}},
    ]
    decoded = decode_reply(*reply(outputs, struct.pack("<q", 9)))
    np.testing.assert_array_equal(decoded["Y"], np.array([[1.5], [2]], np.float32))
    assert decoded["S"].tolist() == ["hé".encode()]
    assert decoded["B"].tolist() == [True, False]
    assert decoded["I"].tolist() == [9]


@pytest.mark.parametrize("given", ["", "abc", "-1", "12", "14", "999", str(2**64), "9" * 5000, "\u0663"])
def test_a_wrong_header_size_is_named(given: str) -> None:
    header = b'{"inputs":[]}'
    check_header_size(header + b"xyz", f"{BINARY_CONTENT_TYPE}{len(header)}")
    check_header_size(b"1,2", "text/csv")
    with pytest.raises(TensorError, match="json-header-size is missing or wrong"):
        check_header_size(header + b"xyz", f"{BINARY_CONTENT_TYPE}{given}")


@pytest.mark.parametrize("wrong", SPELLED_WRONG)
def test_a_type_that_triton_does_not_recognise_is_refused(wrong: str) -> None:
    with pytest.raises(TensorError, match="json-header-size is missing or wrong") as caught:
        check_header_size(b"{}xyz", wrong.format(2))
    assert "without spaces" in str(caught.value.hint)


@pytest.mark.parametrize("right", SPELLED_RIGHT)
def test_a_type_that_triton_recognises_passes(right: str) -> None:
    check_header_size(b"{}xyz", right.format(2))


def test_a_header_size_of_0_is_a_raw_request() -> None:
    for body in (b"", b"\xff\x00xyz", b'{"inputs":[]}'):
        check_header_size(body, "application/vnd.sagemaker-triton.binary+json;json-header-size=0")


FP32 = {"name": "Y", "datatype": "FP32", "shape": [2]}


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b"<html>", "text/html", "is not a Triton reply"),
        (b"{}", "application/json", "is not a Triton reply"),
        (b"[1]", "application/json", "is not a Triton reply"),
        (b"{}", "application/vnd.sagemaker-triton.binary+json;json-header-size=99", "header alone"),
        (*reply([{**FP32, "parameters": {"binary_data_size": 8}}], bytes(7)), "ends within output Y"),
        (*reply([{**FP32, "parameters": {"binary_data_size": 4}}], bytes(4)), "needs 8"),
        (*reply([{**FP32, "datatype": "FP8", "data": [1, 2]}]), "FP8"),
        (*reply([{**FP32, "data": [1, 2, 3]}]), "don't fit FP32 [2]"),
        (*reply([{"name": "Y"}]), "lacks its name"),
        (*reply([{**FP32, "shape": [-1], "data": []}]), "not the shape"),
    ],
)
def test_broken_replies(body: bytes, content_type: str, words: str) -> None:
    with pytest.raises((ReplyError, TensorError)) as caught:
        decode_reply(body, content_type)
    assert words in caught.value.message
    assert "container" in str(caught.value.hint)


@pytest.mark.parametrize(
    "wire", [b"\x05\x00\x00\x00ab", b"\x01\x00", b"\x01\x00\x00\x00aXX"], ids=["short", "no length", "rest"]
)
def test_broken_strings(wire: bytes) -> None:
    with pytest.raises(TensorError, match="BYTES tensor"):
        from_wire(memoryview(wire), "BYTES", (1,))


def test_parameters_of_the_request() -> None:
    header, _ = split(encode_request({"A": np.zeros(1)}, parameters={"top": 3, "mode": "fast"}))
    assert header["parameters"] == {"top": 3, "mode": "fast", "binary_data_output": True}
    scalars = {"top": np.int64(3), "p": np.float32(0.5), "fast": np.bool_(True), "mode": np.str_("x")}
    header, _ = split(encode_request({"A": np.zeros(1)}, outputs=("Y",), parameters=scalars))
    assert header["parameters"] == {"top": 3, "p": 0.5, "fast": True, "mode": "x"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parameters": {"binary_data_output": False}}, "is the request's own"),
        ({"parameters": {"x": [1]}}, r"the parameter x is \[1\]"),
        ({"parameters": {"x": np.float32("nan")}}, "the parameter x is nan"),
        ({"outputs": "OUTPUT0"}, "a list of names, not one"),
        ({"outputs": []}, "the list of outputs is empty"),
        ({"datatypes": {"B": "FP16"}}, "input B has a data type but no values"),
    ],
)
def test_invalid_requests(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(TensorError, match=words):
        encode_request(**{"inputs": {"A": np.zeros(1)}} | arguments)  # type: ignore[arg-type]

"""CSV, JSON lines and .npy, for framework containers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mme.client import (
    ReplyError,
    TensorError,
    decode_csv,
    decode_json_lines,
    decode_npy,
    encode_csv,
    encode_json_lines,
    encode_npy,
)


def test_csv_is_rows_of_values() -> None:
    assert encode_csv([[1, 2.5], [3, 4]]) == b"1.0,2.5\n3.0,4.0\n"
    assert encode_csv([1, 2, 3]) == b"1,2,3\n"
    assert encode_csv(np.array([[0.1, 1e-7]], np.float32)) == b"0.1,1e-07\n"
    assert encode_csv(np.array([[True, False]])) == b"1,0\n"
    assert encode_csv([["a", 'say "x", y']]) == b'a,"say ""x"", y"\n'


@given(
    arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2), elements=st.floats(allow_nan=True))
)
def test_csv_loses_nothing(array: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_csv(encode_csv(array)), array)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
    )
)
def test_csv_of_text(rows: list[list[str]]) -> None:
    assert decode_csv(encode_csv(np.array(rows, dtype=object)), dtype=str).tolist() == [
        [value.rstrip("\0") for value in row] for row in rows
    ]


def test_invalid_csv() -> None:
    with pytest.raises(TensorError, match="not an array of shape"):
        encode_csv(np.zeros((1, 2, 2)))
    with pytest.raises(TensorError, match="have different lengths"):
        encode_csv([[1], [1, 2]])
    with pytest.raises(ReplyError, match="different numbers"):
        decode_csv(b"1,2\n3\n")
    with pytest.raises(ReplyError, match="not all float64"):
        decode_csv(b"1,x\n")
    with pytest.raises(ReplyError, match="not CSV"):
        decode_csv(b"\xff\xfe")
    assert decode_csv(b"").shape == (0, 0)
    assert decode_csv(b"7\n").tolist() == [[7.0]]


def test_json_lines() -> None:
    body = encode_json_lines(
        [{"features": np.array([1.5, 2])}, {"text": "ä", "bytes": b"x", "n": np.int64(3)}]
    )
    assert body == b'{"features":[1.5,2.0]}\n{"text":"\\u00e4","bytes":"x","n":3}\n'
    assert decode_json_lines(body + b"\n  \n") == [
        {"features": [1.5, 2.0]},
        {"text": "ä", "bytes": "x", "n": 3},
    ]
    with pytest.raises(TensorError, match="JSON"):
        encode_json_lines([{"x": float("nan")}])
    with pytest.raises(TensorError, match="object has no JSON form"):
        encode_json_lines([object()])
    with pytest.raises(ReplyError, match="line 2 of the answer is not JSON"):
        decode_json_lines(b"1\n{\n")


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0)))
def test_npy(array: np.ndarray) -> None:
    back = decode_npy(encode_npy(array))
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_npy_is_never_pickled() -> None:
    with pytest.raises(TensorError, match="pickled"):
        encode_npy(np.array([{}], dtype=object))
    import io

    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    for body in (stream.getvalue(), b"", b"\x93NUMPY", b"hello"):
        with pytest.raises(ReplyError, match=r"not a \.npy file"):
            decode_npy(body)


@pytest.mark.parametrize(
    "shape", ["(9223372036854775807,)", "(99999999999999999999999,)", "(-1,)", "(" * 999]
)
def test_any_broken_npy_is_one_error(shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    for body in (b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header, b"PK\x03\x04 no zip"):
        with pytest.raises(ReplyError, match=r"not a \.npy file"):
            decode_npy(body)

"""Encode and decode CSV, JSON lines and .npy for framework containers, with `MultiModelClient.invoke`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from mme.client.datatypes import Array
from mme.client.errors import InvocationError, ReplyError, TensorError

CSV: Final = "text/csv"
JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonlines"
NPY: Final = "application/x-npy"
"""Content types. Source: SageMaker AI guide, "Common data formats for inference"."""

_OTHER_FORM: Final = "decode it as its content type says"


def encode_csv(rows: ArrayLike) -> bytes:
    """Encode rows as CSV without a header. One row may be passed on its own.

    Numbers have the fewest digits that parse to the same value; booleans are 1 and 0.

    Raises:
        TensorError: There are more than two dimensions, or rows of different lengths.
    """
    try:
        array = np.atleast_1d(np.asarray(rows))
    except ValueError as error:
        raise TensorError("the rows have different lengths", hint="pad the short ones") from error
    if array.ndim > 2 or (
        array.dtype.kind == "O" and any(isinstance(item, list | tuple) for item in array.flat)
    ):
        raise TensorError(
            f"CSV holds rows of values, not an array of shape {list(array.shape)}",
            hint="flatten each item: array.reshape(len(array), -1)",
        )
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    # As text a short float is `0.1`; as a Python float it would be `0.10000000149011612`.
    texts = array.astype(str) if array.dtype.kind == "f" else array
    values = np.atleast_2d(texts).tolist()
    # csv itself leaves a lone carriage return without quotes, and readers then see the end of a row in it.
    odd = array.dtype.kind in "OU" and any("\r" in str(value) for row in values for value in row)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL)
    writer.writerows(values)
    return stream.getvalue().encode()


def decode_csv(body: bytes, dtype: DTypeLike = float) -> Array:
    """Decode the rows of a CSV answer.

    Args:
        body: UTF-8, without a header.
        dtype: Type of the values; `str` does not convert them.

    Returns:
        An array of shape (rows, columns).

    Raises:
        ReplyError: A value does not have that type, or rows differ in length.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReplyError(
            f"the answer is not CSV: {error}", hint=_OTHER_FORM, original=repr(body[:80])
        ) from error
    if any(len(row) != len(rows[0]) for row in rows):
        raise ReplyError(
            "the answer's rows have different numbers of values", hint="read them with Python's csv module"
        )
    try:
        # Through text of numpy's own: it reads " 1" and "1e3" as float() does.
        return np.array(rows or np.empty((0, 0)), dtype=str).astype(dtype)
    except ValueError as error:
        raise ReplyError(
            f"the answer's values are not all {np.dtype(dtype)}: {error}", hint="decode_csv(body, dtype=str)"
        ) from error


def encode_json_lines(items: Iterable[Any]) -> bytes:
    """Encode each item as one line of JSON; arrays become lists.

    Raises:
        TensorError: An item has no JSON form, or contains NaN or an infinity.
    """
    try:
        return b"".join(
            json.dumps(item, default=_listed, allow_nan=False, separators=(",", ":")).encode() + b"\n"
            for item in items
        )
    except (TypeError, ValueError) as error:
        raise TensorError(
            f"an item can't be written as JSON: {error}",
            hint="convert it to lists, dicts, strings and finite numbers",
        ) from error


def decode_json_lines(body: bytes) -> list[Any]:
    """Decode the items of an answer in JSON lines; empty lines are skipped.

    Raises:
        ReplyError: A line is not JSON.
    """
    items = []
    for number, line in enumerate(body.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(json.loads(line))
        except ValueError as error:
            raise ReplyError(f"line {number} of the answer is not JSON: {error}", hint=_OTHER_FORM) from error
    return items


def encode_npy(array: ArrayLike) -> bytes:
    """Encode an array as numpy's .npy file.

    Raises:
        TensorError: It holds Python objects, which would have to be pickled.
    """
    stream = io.BytesIO()
    try:
        np.save(stream, np.asarray(array), allow_pickle=False)
    except ValueError as error:
        raise TensorError(
            "an array of Python objects can't be sent as .npy: it would be pickled",
            hint="give it a type: array.astype('float32')",
        ) from error
    return stream.getvalue()


def decode_npy(body: bytes) -> Array:
    """Decode the array in an answer that is a .npy file. Nothing is ever unpickled.

    Raises:
        ReplyError: It is not a .npy file of plain numbers.
    """
    return read_npy(body, "the answer", ReplyError)


def read_npy(data: bytes, what: str, error: type[InvocationError]) -> Array:
    """Read a .npy file without unpickling, which would run what the file says.

    Args:
        data: The file's content.
        what: Its name in messages.
        error: Raised if it is not a .npy file of plain numbers.
    """
    try:
        array: Array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as cause:  # numpy's reader lets many kinds out: BadZipFile, MemoryError, OverflowError
        raise error(f"{what} is not a .npy file of plain numbers", hint="write it with numpy.save") from cause
    if not isinstance(array, np.ndarray):
        raise error(f"{what} is a .npz of several arrays, not a .npy", hint="save one of them as .npy")
    return array


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")

"""Triton's data types and numpy's.

Two of Triton's types have no numpy equivalent:

- `BYTES` (strings) is an array of objects. Strings are sent as UTF-8 and returned as `bytes`.
- `BF16` is returned as float32, which holds every BF16 value exactly. It is sent from an array of
  `ml_dtypes.bfloat16`, or from a float array with `datatypes={"X": "BF16"}`, rounded to nearest even.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mme.client.errors import TensorError

Array = NDArray[Any]

NUMPY_TYPES: Final = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Little-endian, as in the binary form. Source: KServe v2 protocol, "Tensor Data Types"."""

NON_FINITE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""How JSON writes these floats."""

DATATYPES: Final = frozenset({*NUMPY_TYPES, "BF16", "BYTES"})

_BY_KIND: Final = {(dtype.kind, dtype.itemsize): name for name, dtype in NUMPY_TYPES.items()}


def datatype_of(array: Array) -> str:
    """Return Triton's name for an array's dtype.

    Raises:
        TensorError: Triton has no such type (complex numbers, dates).
    """
    if array.dtype.name == "bfloat16":
        return "BF16"
    if array.dtype.kind in "OSU":
        return "BYTES"
    name = _BY_KIND.get((array.dtype.kind, array.dtype.itemsize))
    if name is None:
        raise TensorError(
            f"Triton has no data type for numpy's {array.dtype}", hint="convert it: array.astype('float32')"
        )
    return name


def unknown_datatype(name: str) -> TensorError:
    """Return the error for a data type that Triton does not have."""
    known = ", ".join(sorted(DATATYPES))
    return TensorError(f"{name!r} is not a Triton data type", hint=f"use one of: {known}")


def to_wire(array: Array, datatype: str) -> bytes | memoryview:
    """Return an array's elements in row-major order, in Triton's binary form.

    Args:
        array: Any shape and memory layout.
        datatype: Triton data type to send; the array is converted if necessary.

    Raises:
        TensorError: The data type is unknown, or the conversion would change values.
    """
    if datatype == "BYTES":
        return _strings_to_wire(array)
    if datatype == "BF16":
        return _bfloat16_to_wire(array)
    target = NUMPY_TYPES.get(datatype)
    if target is None:
        raise unknown_datatype(datatype)
    array = _converted(array, datatype)
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat)


def from_wire(data: memoryview, datatype: str, shape: tuple[int, ...]) -> Array:
    """Return the array of a tensor's bytes, as a writable copy.

    Args:
        data: The bytes, in row-major order.
        datatype: Triton data type.
        shape: Shape of the tensor.

    Raises:
        TensorError: The bytes don't fit the data type and shape.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if datatype == "BYTES":
        return _strings_from_wire(data, count).reshape(shape)
    stored = np.dtype("<u2") if datatype == "BF16" else NUMPY_TYPES.get(datatype)
    if stored is None:
        raise TensorError(f"the reply has a tensor of an unknown data type, {datatype!r}")
    if len(data) != count * stored.itemsize:
        raise TensorError(
            f"the reply has {len(data)} bytes; {datatype} {list(shape)} needs {count * stored.itemsize}"
        )
    flat: Array = np.frombuffer(data, stored)
    if datatype == "BF16":
        # BF16 is the upper half of an FP32.
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(shape)
    return flat.reshape(shape).copy()


def from_json(values: Any, datatype: str, shape: tuple[int, ...]) -> Array:
    """Return the array of a tensor's JSON list, with NaN as `"NaN"`, infinity as `"Infinity"`.

    Args:
        values: The list.
        datatype: Triton data type.
        shape: Shape of the tensor.

    Raises:
        TensorError: The values don't fit the data type and shape.
    """
    try:
        if datatype == "BYTES":
            flat = np.array([_utf8(item) for item in _flattened(values)], dtype=object)
        elif datatype in DATATYPES:
            numeric = "FP32" if datatype == "BF16" else datatype
            array = np.asarray(values)
            if array.dtype.kind == "U" and NUMPY_TYPES[numeric].kind == "f":
                array = np.asarray([NON_FINITE.get(item, item) for item in _flattened(values)])
            flat = _converted(array, numeric)
        else:
            raise unknown_datatype(datatype)
        return flat.reshape(shape)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TensorError(
            f"the values don't fit {datatype} {list(shape)}: {error}",
            hint="give values of that type, as many as the shape has",
        ) from error


def _converted(array: Array, datatype: str) -> Array:
    """Return the array in a numeric type, if only floats are rounded."""
    target = NUMPY_TYPES[datatype]
    if array.dtype == target:
        return array
    converted: Array | None = None
    if array.size == 0 or (target.kind == "f" and array.dtype.kind in "fiub"):
        with np.errstate(over="ignore"):
            converted = array.astype(target)
        if target.kind == "f":
            _check_overflow(array, np.isinf(converted), datatype)
    elif array.dtype.kind in "iub":
        # numpy itself would wrap 300 around to 44 for UINT8.
        converted = array.astype(target)
        converted = converted if np.array_equal(converted, array) else None
    if converted is None:
        raise TensorError(
            f"an array of {array.dtype} can't be sent as {datatype}; its values would change",
            hint=f"give values that {datatype} holds",
        )
    return converted


def _check_overflow(array: Array, infinite: Array, datatype: str) -> None:
    lost = infinite & np.isfinite(array) if infinite.any() else infinite
    if lost.any():
        raise TensorError(
            f"{array[lost].flat[0]} is too large for {datatype}; it would become infinite",
            hint="scale the values, or send a wider type if the model takes one",
        )


def _utf8(item: object) -> bytes:
    if not isinstance(item, str):
        raise TensorError(
            f"{json.dumps(item)[:60]} is not a string; a BYTES tensor holds strings only",
            hint='write each element as a string: ["1"]',
        )
    return item.encode()


def _flattened(values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    return [item for value in values for item in _flattened(value)]


def _strings_to_wire(array: Array) -> bytes:
    """Return each element after its length in four bytes, little-endian."""
    parts = []
    for item in array.reshape(-1).tolist():
        if not isinstance(item, bytes | bytearray | memoryview | str):
            raise TensorError(
                f"a BYTES tensor holds strings or bytes, not {type(item).__name__}",
                hint="convert the elements: str(x) or bytes(x)",
            )
        content = item.encode() if isinstance(item, str) else bytes(item)
        parts += [struct.pack("<I", len(content)), content]
    return b"".join(parts)


def _strings_from_wire(data: memoryview, count: int) -> Array:
    items: Array = np.empty(count, dtype=object)
    position = 0
    for index in range(count):
        start = position + 4
        if start > len(data):
            raise TensorError(f"the reply's BYTES tensor ends after {index} of {count} elements")
        position = start + struct.unpack_from("<I", data, position)[0]
        if position > len(data):
            raise TensorError(f"the reply's BYTES tensor ends within element {index}")
        items[index] = bytes(data[start:position])
    if position != len(data):
        raise TensorError(f"the reply's BYTES tensor has {len(data) - position} bytes too many")
    return items


def _bfloat16_to_wire(array: Array) -> bytes:
    if array.dtype.name == "bfloat16":
        return np.ascontiguousarray(array).tobytes()
    if array.dtype.kind not in "fiu":
        raise TensorError(f"an array of {array.dtype} can't be sent as BF16", hint="give an array of floats")
    single = np.ascontiguousarray(_converted(array, "FP32"))
    bits = single.view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    # Adding could carry a NaN over to infinity; a NaN stays one.
    rounded[np.isnan(single)] = 0x7FC0
    _check_overflow(array, rounded & 0x7FFF == 0x7F80, "BF16")
    return rounded.tobytes()

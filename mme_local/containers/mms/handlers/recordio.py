"""Records of ``application/x-recordio-protobuf``.

Source: SageMaker AI developer guide, "Common data formats for inference" and "for training" (the schema
``aialgs.data.Record``); MXNet's RecordIO for the frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import numpy as np
import scipy.sparse
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_MAGIC: Final = 0xCED7230A
_LENGTH: Final = (1 << 29) - 1
"""The upper three bits of a frame's length tell how a split record continues."""
_FEATURE: Final = "values"
_TENSORS: Final = {
    "Float32Tensor": ("TYPE_FLOAT", 2),
    "Float64Tensor": ("TYPE_DOUBLE", 3),
    "Int32Tensor": ("TYPE_INT32", 7),
}
_Field = descriptor_pb2.FieldDescriptorProto


def read_records(body: bytes) -> np.ndarray[Any, Any] | scipy.sparse.csr_matrix:
    """Return the features of each record as a row: a dense array, or a sparse matrix if one is sparse.

    Raises:
        ValueError: The body is no sequence of such records.
    """
    rows = [_row(record) for record in _frames(body)]
    if not rows:
        raise ValueError("the body holds no record")
    if any(scipy.sparse.issparse(row) for row in rows):
        return scipy.sparse.vstack([scipy.sparse.csr_matrix(row) for row in rows]).tocsr()
    return np.vstack(rows)


def _frames(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        if len(body) - at < 8:
            raise ValueError("the body ends within a frame of RecordIO")
        magic, length = struct.unpack_from("<II", body, at)
        if magic != _MAGIC:
            raise ValueError(f"the frame at byte {at} does not begin with RecordIO's magic number")
        at += 8
        if length > _LENGTH or len(body) - at < length:
            raise ValueError(f"the frame at byte {at - 8} is split or cut off")
        yield body[at : at + length]
        at += (length + 3) // 4 * 4


def _row(frame: bytes) -> Any:
    record = _record_class()()
    try:
        record.ParseFromString(frame)
    except Exception as error:
        raise ValueError(f"a record can't be read: {error}") from None
    if _FEATURE not in record.features:
        raise ValueError(f"a record has no feature {_FEATURE!r}")
    value = record.features[_FEATURE]
    tensor = next((getattr(value, name) for name in _names() if value.HasField(name)), None)
    if tensor is None:
        raise ValueError("a record holds no tensor of numbers")
    numbers = np.array(tensor.values, dtype=np.float32)
    if not tensor.keys:
        return numbers.reshape(1, -1)
    keys = np.array(tensor.keys, dtype=np.int64)
    if len(keys) != len(numbers):
        raise ValueError(f"a record has {len(keys)} keys for {len(numbers)} values")
    width = int(tensor.shape[0]) if tensor.shape else int(keys.max()) + 1
    return scipy.sparse.csr_matrix((numbers, (np.zeros(len(keys), int), keys)), shape=(1, width))


def _names() -> list[str]:
    return [f"{name.removesuffix('Tensor').lower()}_tensor" for name in _TENSORS]


@cache
def _record_class() -> Any:
    """Return the message class of a record, with what inference needs of its schema."""
    file = descriptor_pb2.FileDescriptorProto(
        name="mme_local/record.proto", package="aialgs.data", syntax="proto2"
    )
    for name, (kind, _) in _TENSORS.items():
        tensor = file.message_type.add(name=name)
        for number, (field, type_) in enumerate(
            (("values", kind), ("keys", "TYPE_UINT64"), ("shape", "TYPE_UINT64")), 1
        ):
            _add(tensor, field, number, type_, repeated=True).options.packed = True
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for (name, (_, number)), field in zip(_TENSORS.items(), _names(), strict=True):
        _add(value, field, number, f".aialgs.data.{name}").oneof_index = 0
    record = file.message_type.add(name="Record")
    entry = record.nested_type.add(name="FeaturesEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, "TYPE_STRING")
    _add(entry, "value", 2, ".aialgs.data.Value")
    _add(record, "features", 1, ".aialgs.data.Record.FeaturesEntry", repeated=True)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


def _add(message: Any, name: str, number: int, kind: str, *, repeated: bool = False) -> Any:
    """Add a field; ``kind`` is a type of numbers or strings, or the name of a message."""
    label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind.startswith("."):
        field.type, field.type_name = _Field.TYPE_MESSAGE, kind
    else:
        field.type = _Field.Type.Value(kind)
    return field

"""A saved_model.pb, encoded by hand: TensorFlow is not installed here."""

from __future__ import annotations


def varint(value: int) -> bytes:
    encoded = bytearray()
    value &= 2**64 - 1
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def message(number: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def tensor(name: str, datatype: int, dims: tuple[int, ...] | None) -> bytes:
    """An entry of a signature's inputs or outputs; None as dims is an unknown rank."""
    sizes = [message(2, number(1, dim)) for dim in dims or ()]
    shape = message(3, *(sizes if dims is not None else [number(3, 1)]))
    info = message(2, message(1, f"{name}:0".encode()), number(2, datatype), shape)
    return message(1, name.encode()) + info


def saved_model(signature: str = "serving_default", graph: bytes = b"") -> bytes:
    """`x`, FP32 [batch, 4], and `ids`, INT64 of any rank, to `y`, FP32 [batch]."""
    inputs = [message(1, tensor("x", 1, (-1, 4))), message(1, tensor("ids", 9, None))]
    definition = message(2, *inputs, message(2, tensor("y", 1, (-1,))))
    meta = message(2, graph), message(5, message(1, signature.encode()), definition)
    return number(1, 1) + message(2, *meta)

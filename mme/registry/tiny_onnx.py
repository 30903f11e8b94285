"""A complete ONNX model of one operation, written without the onnx package."""

from __future__ import annotations

from typing import Final

_IR_VERSION: Final = 8
_OPSET: Final = 13
_FLOAT: Final = 1


def doubling_model() -> bytes:
    """Return `Y = X + X`, FP32 of shape [batch, 4], as the bytes of a model.onnx.

    The fields and their numbers are those of onnx.proto3 (ONNX repository, onnx/onnx.proto).
    """
    node = field(1, b"X") + field(1, b"X") + field(2, b"Y") + field(4, b"Add")
    graph = (
        field(1, node) + field(2, b"doubler") + field(11, _value_info(b"X")) + field(12, _value_info(b"Y"))
    )
    opset = number(2, _OPSET)
    return number(1, _IR_VERSION) + field(2, b"sagemaker-mme") + field(7, graph) + field(8, opset)


def _value_info(name: bytes) -> bytes:
    batch = field(1, field(2, b"batch"))
    four = field(1, number(1, 4))
    tensor = number(1, _FLOAT) + field(2, batch + four)
    return field(1, name) + field(2, field(1, tensor))


def field(key: int, content: bytes, more: int = 0) -> bytes:
    """Return a field of bytes in protobuf's wire format.

    Args:
        key: The field's number.
        content: Its content.
        more: Bytes of the content that follow what is returned.
    """
    return _varint(key << 3 | 2) + _varint(len(content) + more) + content


def number(key: int, value: int) -> bytes:
    """Return an integer field in protobuf's wire format.

    Args:
        key: The field's number.
        value: Its value, at least 0.
    """
    return _varint(key << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])

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
    node = _field(1, b"X") + _field(1, b"X") + _field(2, b"Y") + _field(4, b"Add")
    graph = (
        _field(1, node)
        + _field(2, b"doubler")
        + _field(11, _value_info(b"X"))
        + _field(12, _value_info(b"Y"))
    )
    opset = _number(2, _OPSET)
    return _number(1, _IR_VERSION) + _field(2, b"sagemaker-mme") + _field(7, graph) + _field(8, opset)


def _value_info(name: bytes) -> bytes:
    batch = _field(1, _field(2, b"batch"))
    four = _field(1, _number(1, 4))
    tensor = _number(1, _FLOAT) + _field(2, batch + four)
    return _field(1, name) + _field(2, _field(1, tensor))


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes in protobuf's wire format."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])

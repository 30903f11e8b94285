"""Small ONNX models with the configurations that tests serve them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper, save_model

Shape = tuple[int | str, ...]
TYPES = {
    "FP32": TensorProto.FLOAT,
    "INT64": TensorProto.INT64,
    "STRING": TensorProto.STRING,
    "FP64": TensorProto.DOUBLE,
    "BOOL": TensorProto.BOOL,
}


def value(name: str, data_type: str = "FP32", shape: Shape = ("N", 4)) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TYPES[data_type], shape)


def model(
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    initializers: list[TensorProto] | None = None,
    ir_version: int = 8,
    opset: int = 13,
) -> ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def add(shape: Shape = ("N", 4)) -> ModelProto:
    """X + X = Y."""
    return model(
        [helper.make_node("Add", ["X", "X"], ["Y"])], [value("X", shape=shape)], [value("Y", shape=shape)]
    )


def identity(data_type: str, shape: Shape = ("N", 2)) -> ModelProto:
    return model(
        [helper.make_node("Identity", ["X"], ["Y"])],
        [value("X", data_type, shape)],
        [value("Y", data_type, shape)],
    )


def categories() -> ModelProto:
    """The number of a word in a list, as encoders of scikit-learn have it; -1 for other words."""
    node = helper.make_node(
        "LabelEncoder",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        keys_strings=["red", "grün"],
        values_int64s=[7, 8],
        default_int64=-1,
    )
    graph = helper.make_graph([node], "g", [value("X", "STRING", ("N", 1))], [value("Y", "INT64", ("N", 1))])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def scaled() -> ModelProto:
    """X * K = Y; K is 3 unless a request has it."""
    return model(
        [helper.make_node("Mul", ["X", "K"], ["Y"])],
        [value("X"), value("K", shape=(1,))],
        [value("Y")],
        [numpy_helper.from_array(np.array([3], np.float32), "K")],
    )


def total() -> ModelProto:
    """The sum of a vector, as a scalar."""
    return model(
        [helper.make_node("ReduceSum", ["X"], ["Y"], keepdims=0)],
        [value("X", shape=(4,))],
        [value("Y", shape=())],
    )


def parts() -> ModelProto:
    """A sequence of tensors."""
    return model(
        [helper.make_node("SplitToSequence", ["X"], ["Y"], axis=0)],
        [value("X")],
        [helper.make_tensor_sequence_value_info("Y", TensorProto.FLOAT, None)],
    )


def with_external_weights(path: Path) -> None:
    """Save X * W = Y with W in ``weights.bin``."""
    weights = np.eye(4, dtype=np.float32) * 5
    multiply = model(
        [helper.make_node("MatMul", ["X", "W"], ["Y"])],
        [value("X")],
        [value("Y")],
        [numpy_helper.from_array(weights, "W")],
    )
    save_model(multiply, path, save_as_external_data=True, location="weights.bin", size_threshold=0)


def config(data_type: str = "FP32", dims: str = "[ 4 ]", batch: int = 8, output: str = "") -> str:
    return (
        f'platform: "onnxruntime_onnx" max_batch_size: {batch} '
        f'input {{ name: "X" data_type: TYPE_{data_type} dims: {dims} }} '
        f'output {{ name: "Y" data_type: TYPE_{output or data_type} dims: {dims} }}'
    )

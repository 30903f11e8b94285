"""ONNX models that answer, with the configurations that tests serve them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper, save_model

from tests.archives.onnx_builder import model, value


def identity(element: int) -> ModelProto:
    nodes = [helper.make_node("Identity", ["X"], ["Y"])]
    return model(nodes, [value("X", ("N", 2), element)], [value("Y", ("N", 2), element)])


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
    inputs, outputs = (
        [value("X", ("N", 1), TensorProto.STRING)],
        [value("Y", ("N", 1), TensorProto.INT64)],
    )
    made = model([node], inputs, outputs)
    made.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    return made


def scaled() -> ModelProto:
    """X * K = Y; K is 3 unless a request has it."""
    three = numpy_helper.from_array(np.array([3], np.float32), "K")
    inputs = [value("X"), value("K", (1,))]
    return model([helper.make_node("Mul", ["X", "K"], ["Y"])], inputs, initializers=[three])


def total() -> ModelProto:
    """The sum of a vector, as a scalar."""
    node = helper.make_node("ReduceSum", ["X"], ["Y"], keepdims=0)
    return model([node], [value("X", (4,))], [value("Y", ())])


def with_external_weights(path: Path) -> None:
    """Save X * W = Y with W in ``weights.bin``."""
    weights = numpy_helper.from_array(np.eye(4, dtype=np.float32) * 5, "W")
    multiply = model([helper.make_node("MatMul", ["X", "W"], ["Y"])], initializers=[weights])
    save_model(multiply, path, save_as_external_data=True, location="weights.bin", size_threshold=0)


def config(data_type: str = "FP32", dims: str = "[ 4 ]", batch: int = 8, output: str = "") -> str:
    return (
        f'platform: "onnxruntime_onnx" max_batch_size: {batch} '
        f'input {{ name: "X" data_type: TYPE_{data_type} dims: {dims} }} '
        f'output {{ name: "Y" data_type: TYPE_{output or data_type} dims: {dims} }}'
    )

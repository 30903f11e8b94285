"""Small ONNX models, made with the onnx package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.archives.archive_builder import Files

Dims = Sequence[int | str | None]

CONFIG = """platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""


def value(name: str, dims: Dims | None = ("N", 4), element: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """A tensor; None as dims leaves its shape open."""
    return helper.make_tensor_value_info(name, element, dims)


def model(
    nodes: Sequence[onnx.NodeProto] = (),
    inputs: Sequence[onnx.ValueInfoProto] = (),
    outputs: Sequence[onnx.ValueInfoProto] = (),
    *,
    initializers: Sequence[onnx.TensorProto] = (),
    opset: int | None = 13,
    ir_version: int = 8,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model; `Y = X + X` of shape [N, 4] by default."""
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Add", ["X", "X"], ["Y"])],
        "graph",
        list(inputs) or [value("X")],
        list(outputs) or [value("Y")],
        list(initializers),
    )
    opsets = [
        *([helper.make_opsetid("", opset)] if opset else []),
        *(helper.make_opsetid(domain, 1) for domain in domains),
    ]
    made = helper.make_model(graph, opset_imports=opsets)
    if not opsets:  # the package adds its own
        made.ClearField("opset_import")
    made.ir_version = ir_version
    return made


def doubled(dims: Dims = ("N", 4), element: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """`Y = X + X`."""
    return model(inputs=[value("X", dims, element)], outputs=[value("Y", dims, element)])


def with_external(location: str = "weights.bin", length: int = 64) -> onnx.ModelProto:
    """`Y = X @ W`, with W in another file."""
    weights = numpy_helper.from_array(np.eye(4, dtype=np.float32), "W")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "0"), ("length", str(length))):
        entry = weights.external_data.add()
        entry.key, entry.value = key, text
    return model([helper.make_node("MatMul", ["X", "W"], ["Y"])], initializers=[weights])


def sequence() -> onnx.ModelProto:
    """A model whose output is a sequence, as a classifier's is with zipmap."""
    outputs = [helper.make_tensor_sequence_value_info("Y", TensorProto.FLOAT, None)]
    return model([helper.make_node("SplitToSequence", ["X"], ["Y"], axis=0)], outputs=outputs)


def files(made: onnx.ModelProto | bytes, config: str = CONFIG, **more: str | bytes | None) -> Files:
    """A flat archive of it, with more files by path."""
    content = made if isinstance(made, bytes) else made.SerializeToString()
    return {"config.pbtxt": config, "1/model.onnx": content, **more}

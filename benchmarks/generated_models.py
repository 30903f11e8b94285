"""Random models for Triton: mostly valid configurations, each with up to three changes that may be faults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.config_changes import CHANGES, ONNX_CHANGES, PYTHON_CHANGES
from benchmarks.generated_config import TYPES, Generated, Tensor

PYTHON_CODE: Final = """
import json
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.config = json.loads(args["model_config"])

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        first = request.inputs()[0].as_numpy().shape[:1] if request.inputs() else (1,)
        batch = list(first) if self.config["max_batch_size"] else []
        tensors = []
        for one in self.config["output"]:
            dims = one["reshape"].get("shape", []) if "reshape" in one else one["dims"]
            dtype = pb_utils.triton_string_to_numpy(one["data_type"])
            shape = batch + [max(1, int(dim)) for dim in dims]
            value = np.full(shape, b"" if dtype == np.object_ else 0, dtype)
            tensors.append(pb_utils.Tensor(one["name"], value))
        return pb_utils.InferenceResponse(tensors)
"""
"""Answers whatever its configuration declares."""


def generated(count: int, seed: int) -> Iterator[Generated]:
    """Yield random models, the same ones for a seed.

    Args:
        count: How many.
        seed: Of the random numbers.
    """
    source = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(count):
        made = _python(source) if source.random() < 0.5 else _onnx(source)
        for _ in range(source.choice((0, 1, 1, 1, 2, 2, 3))):
            kinds = CHANGES + (PYTHON_CHANGES if made.kind == "python" else ONNX_CHANGES)
            change = source.choice(kinds)
            changed = change(made, source)
            made = replace(changed, changes=(*made.changes, change.__name__.strip("_")))
        yield made


def _python(source: random.Random) -> Generated:
    def tensors(names: str) -> tuple[Tensor, ...]:
        dims = ((3,), (-1,), (2, 3), (-1, 4), (1,), (3, 8, 8))
        return tuple(
            Tensor(name, f"TYPE_{source.choice(TYPES)}", source.choice(dims))
            for name in names[: source.choice((1, 1, 2))]
        )

    batch = source.choice((0, 0, 1, 4, 8))
    return Generated("python", 'backend: "python"', batch, tensors("XV"), tensors("YW"), PYTHON_CODE.encode())


_ELEMENTS: Final = {
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "FP16": TensorProto.FLOAT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "STRING": TensorProto.STRING,
}


def _onnx(source: random.Random) -> Generated:
    """Return a model that passes each input on, with a configuration that fits it."""
    batched = source.random() < 0.6
    inputs, outputs, nodes, declared = [], [], [], []
    for left, right in list(zip("XV", "YW", strict=True))[: source.choice((1, 1, 2))]:
        kind = source.choice(list(_ELEMENTS))
        dims = source.choice(((4,), (2, 3), ("M", 3), ("M",), (1,), ()))
        shape: list[str | int | None] = ["N", *dims] if batched else list(dims)
        inputs.append(helper.make_tensor_value_info(left, _ELEMENTS[kind], shape))
        outputs.append(helper.make_tensor_value_info(right, _ELEMENTS[kind], shape))
        nodes.append(helper.make_node("Identity", [left], [right]))
        declared.append((left, right, kind, tuple(-1 if isinstance(dim, str) else dim for dim in dims)))
    if source.random() < 0.1:
        outputs.append(helper.make_tensor_sequence_value_info("S", TensorProto.FLOAT, None))
        nodes.append(helper.make_node("SequenceEmpty", [], ["S"]))
    constants = []
    if source.random() < 0.1:
        inputs.append(helper.make_tensor_value_info("K", TensorProto.FLOAT, [1]))
        constants.append(numpy_helper.from_array(np.ones(1, np.float32), "K"))
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    batch = source.choice((1, 4, 8)) if batched else 0
    empty = "reshape { shape: [ ] }" if batch else ""

    def tensor(name: str, kind: str, dims: tuple[int, ...]) -> Tensor:
        return Tensor(name, f"TYPE_{kind}", dims or (1,), "" if dims else empty)

    return Generated(
        "onnx",
        source.choice(('platform: "onnxruntime_onnx"', 'backend: "onnxruntime"')),
        batch,
        tuple(tensor(left, kind, dims) for left, _, kind, dims in declared),
        tuple(tensor(right, kind, dims) for _, right, kind, dims in declared),
        model.SerializeToString(),
    )

"""Random models for Triton: mostly valid configurations, each with up to three changes that may be faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from onnx import TensorProto, helper, numpy_helper

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


@dataclass(frozen=True)
class Tensor:
    """One input or output of a configuration; None leaves a field out."""

    name: str
    data_type: str | None
    dims: tuple[int, ...] | None
    more: str = ""

    def text(self) -> str:
        """Return its part of ``config.pbtxt``."""
        parts = [f'name: "{self.name}"'] if self.name else []
        parts += [f"data_type: {self.data_type}"] if self.data_type else []
        parts += [f"dims: {list(self.dims)}"] if self.dims is not None else []
        return f"{{ {' '.join([*parts, self.more])} }}"


@dataclass(frozen=True)
class Generated:
    """A model with its configuration.

    Attributes:
        kind: ``python`` or ``onnx``.
        head: Backend or platform.
        batch: ``max_batch_size``.
        inputs: Of the configuration.
        outputs: Of the configuration.
        more: Other fields of the configuration.
        model: The model's file: code, or an ONNX model.
        changes: Names of the changes made to a valid one.
        replaced: Texts of the configuration that are replaced at the end.
    """

    kind: str
    head: str
    batch: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    model: bytes
    more: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> str:
        """The whole ``config.pbtxt``."""
        lines = [self.head, f"max_batch_size: {self.batch}" if self.batch else ""]
        lines += [f"input {one.text()}" for one in self.inputs]
        lines += [f"output {one.text()}" for one in self.outputs]
        text = "\n".join([*filter(None, lines), *self.more, ""])
        for old, new in self.replaced.items():
            text = text.replace(old, new, 1)
        return text

    @property
    def files(self) -> dict[str, str | bytes]:
        """Content of the archive by path."""
        return {
            "config.pbtxt": self.config,
            f"1/model.{'py' if self.kind == 'python' else 'onnx'}": self.model,
        }

    @property
    def complete(self) -> bool:
        """Whether it declares inputs and outputs, so that Triton completes none."""
        return bool(self.inputs and self.outputs) and all(one.dims and one.data_type for one in self.inputs)


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
            kinds = _CHANGES + (_PYTHON_CHANGES if made.kind == "python" else _ONNX_CHANGES)
            change = source.choice(kinds)
            changed = change(made, source)
            made = replace(changed, changes=(*made.changes, change.__name__.strip("_")))
        yield made


_TYPES: Final = ("FP32", "FP64", "FP16", "INT32", "INT64", "INT8", "UINT8", "UINT16", "BOOL", "STRING")


def _python(source: random.Random) -> Generated:
    def tensors(names: str) -> tuple[Tensor, ...]:
        dims = ((3,), (-1,), (2, 3), (-1, 4), (1,), (3, 8, 8))
        return tuple(
            Tensor(name, f"TYPE_{source.choice(_TYPES)}", source.choice(dims))
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
        shape = ["N", *dims] if batched else list(dims)
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
        constants.append(numpy_helper.from_array(__import__("numpy").ones(1, "float32"), "K"))
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


Change = Callable[[Generated, random.Random], Generated]


def _with_tensor(made: Generated, source: random.Random, **changes: Any) -> Generated:
    """Change one tensor."""
    side = source.choice(("inputs", "outputs"))
    tensors = list(getattr(made, side))
    if not tensors:
        return made
    place = source.randrange(len(tensors))
    if "more" in changes:
        changes["more"] = f"{tensors[place].more} {changes['more']}".strip()
    tensors[place] = replace(tensors[place], **changes)
    return replace(made, **{side: tuple(tensors)})


def _other_type(made: Generated, source: random.Random) -> Generated:
    types = [*(f"TYPE_{one}" for one in _TYPES), "TYPE_BYTES", "FP32", None, "TYPE_INVALID", "7"]
    return _with_tensor(made, source, data_type=source.choice(types))


def _other_dims(made: Generated, source: random.Random) -> Generated:
    dims = ((3,), (-1,), (4,), (2, 3), (-1, 3), (-1, -1), (1,), (0,), (-2,), (), None, (5, 5, 5))
    return _with_tensor(made, source, dims=source.choice(dims))


def _other_name(made: Generated, source: random.Random) -> Generated:
    return _with_tensor(made, source, name=source.choice(("", "Z", "X", "Y", "x", "a/b:0", "with space")))


def _reshaped(made: Generated, source: random.Random) -> Generated:
    shapes = ("[ ]", "[ 3 ]", "[ -1 ]", "[ 1, 3 ]", "[ 1, 4 ]", "[ 2, 3 ]", "[ 6 ]", "[ 1 ]", "[ 0 ]")
    return _with_tensor(made, source, more=f"reshape {{ shape: {source.choice(shapes)} }}")


def _tensor_field(made: Generated, source: random.Random) -> Generated:
    fields = (
        "format: FORMAT_NHWC",
        "format: FORMAT_NCHW",
        "optional: true",
        "allow_ragged_batch: true",
        "is_shape_tensor: true",
        'label_filename: "labels.txt"',
        "dim: 3",
    )
    return _with_tensor(made, source, more=source.choice(fields))


def _fewer_tensors(made: Generated, source: random.Random) -> Generated:
    side = source.choice(("inputs", "outputs"))
    return replace(made, **{side: getattr(made, side)[:-1]})


def _one_more_tensor(made: Generated, source: random.Random) -> Generated:
    side = source.choice(("inputs", "outputs"))
    one = Tensor(source.choice("QXYK"), f"TYPE_{source.choice(_TYPES)}", source.choice(((1,), (3,), (-1,))))
    one = replace(one, more=source.choice(("", "", "optional: true")))
    return replace(made, **{side: (*getattr(made, side), one)})


def _other_batch(made: Generated, source: random.Random) -> Generated:
    return replace(made, batch=source.choice((0, 1, 2, 8, 16, -1)))


def _batching(made: Generated, source: random.Random) -> Generated:
    inner = source.choice(
        (
            "",
            "preferred_batch_size: [ 4 ]",
            "preferred_batch_size: [ 4, 16 ]",
            "preferred_batch_size: [ 0 ]",
            "max_queue_delay_microseconds: 100",
            "priority_levels: 2 default_priority_level: 1",
            "priority_levels: 2",
            "priority_levels: 2 default_priority_level: 3",
            "priority_levels: 2 default_priority_level: 1 preserve_ordering: true",
            "preserve_ordering: true",
            "default_priority_level: 1",
            "priority_levels: 3 default_priority_level: 1 priority_queue_policy { key: 4 value { } }",
            "priority_queue_policy { key: 1 value { } }",
            "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1000000 }",
            "preserve_ordering: true default_queue_policy { timeout_action: DELAY }",
            "default_queue_policy { max_queue_size: 5 }",
        )
    )
    return replace(made, more=(*made.more, f"dynamic_batching {{ {inner} }}"))


def _groups(made: Generated, source: random.Random) -> Generated:
    groups = (
        "{ kind: KIND_CPU }",
        "{ kind: KIND_AUTO count: 2 }",
        "{ kind: KIND_GPU }",
        "{ kind: KIND_MODEL }",
        "{ kind: KIND_CPU gpus: [ 0 ] }",
        "{ kind: KIND_CPU count: -1 }",
        "{ count: 1 }",
        "{ gpus: [ 0 ] }",
        '{ kind: KIND_CPU profile: "p" }',
        "{ kind: KIND_CPU passive: true }",
        '{ name: "a" kind: KIND_CPU }, { name: "a" kind: KIND_CPU }',
        "{ kind: KIND_CPU secondary_devices { kind: KIND_NVDLA device_id: 0 } }",
        '{ kind: KIND_CPU host_policy: "cpu" }',
        '{ kind: KIND_CPU rate_limiter { resources { name: "R" count: 1 } } }',
    )
    return replace(made, more=(*made.more, f"instance_group [ {source.choice(groups)} ]"))


def _versions(made: Generated, source: random.Random) -> Generated:
    policies = (
        "all { }",
        "latest { num_versions: 1 }",
        "latest { num_versions: 0 }",
        "latest { num_versions: 3 }",
        "specific { versions: [ 1 ] }",
        "specific { versions: [ 2 ] }",
        "specific { versions: [ 1, 2 ] }",
        "specific { }",
    )
    return replace(made, more=(*made.more, f"version_policy {{ {source.choice(policies)} }}"))


def _other_field(made: Generated, source: random.Random) -> Generated:
    fields = (
        'name: "other"',
        "model_transaction_policy { decoupled: true }",
        "model_transaction_policy { decoupled: false }",
        "response_cache { enable: true }",
        'parameters { key: "a" value { string_value: "b" } }',
        "optimization { input_pinned_memory { enable: false } }",
        "optimization { graph { level: 1 } }",
        "optimization { priority: PRIORITY_MAX }",
        'optimization { execution_accelerators { cpu_execution_accelerator { name: "openvino" } } }',
        'default_model_filename: "other.bin"',
        'metric_tags { key: "team" value: "a" }',
        'cc_model_filenames { key: "8.0" value: "x" }',
        "ensemble_scheduling { }",
        "unknown_field: 1",
        "# only a comment",
        "model_warmup { name: 'w' batch_size: 1 }",
        "max_batch_size: 4",
    )
    return replace(made, more=(*made.more, source.choice(fields)))


def _batch_tensors(made: Generated, source: random.Random) -> Generated:
    name = source.choice(("X", "Q"))
    kinds = ("BATCH_ELEMENT_COUNT", "BATCH_ACCUMULATED_ELEMENT_COUNT", "BATCH_ITEM_SHAPE")
    target = source.choice(("B", "X"))
    field_text = (
        f'batch_input {{ kind: {source.choice(kinds)} target_name: "{target}" '
        f'data_type: TYPE_FP32 source_input: "{name}" }}'
    )
    return replace(made, more=(*made.more, field_text))


def _warmup(made: Generated, source: random.Random) -> Generated:
    if not made.inputs:
        return made
    one = made.inputs[0]
    dims = source.choice((one.dims, (9, 9), (3,)))
    value = f"data_type: {one.data_type} dims: {list(dims or ())} zero_data: true"
    if source.random() < 0.2:
        value = value.replace("zero_data: true", 'input_data_file: "missing"')
    key = source.choice((one.name, one.name, "Q"))
    text = f'model_warmup {{ name: "w" batch_size: 1 inputs {{ key: "{key}" value {{ {value} }} }} }}'
    return replace(made, more=(*made.more, text))


def _other_head(made: Generated, source: random.Random) -> Generated:
    heads = (
        "",
        'platform: "python"',
        'platform: "onnx"',
        'platform: "tensorrt_plan"',
        'platform: "onnxruntime_onnx" backend: "python"',
        'platform: "tensorrt_plan" backend: "onnxruntime"',
        'backend: "onnxruntime"',
        'backend: "python"',
        'backend: "fil"',
    )
    return replace(made, head=source.choice(heads))


def _typing_error(made: Generated, source: random.Random) -> Generated:
    pairs = (
        (" }", ""),
        ('"', "'"),
        ("dims:", "dim:"),
        ("input {", "input [ {"),
        ("TYPE_", "type_"),
        (":", ""),
    )
    return replace(made, replaced={**made.replaced, **dict([source.choice(pairs)])})


def _sequence(made: Generated, source: random.Random) -> Generated:
    control = (
        'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } }'
    )
    inner = source.choice(
        ("", "direct { }", "oldest { max_candidate_sequences: 4 }", control, f"{control} {control}")
    )
    return replace(made, more=(*made.more, f"sequence_batching {{ {inner} }}"))


_CHANGES: Final[tuple[Change, ...]] = (
    _other_type,
    _other_dims,
    _other_dims,
    _other_name,
    _reshaped,
    _tensor_field,
    _fewer_tensors,
    _one_more_tensor,
    _other_batch,
    _batching,
    _groups,
    _versions,
    _other_field,
    _other_field,
    _batch_tensors,
    _warmup,
    _other_head,
    _typing_error,
    _sequence,
)


def _broken_code(made: Generated, source: random.Random) -> Generated:
    code = source.choice((b"", b"def (", b"class Model: ...", b"class TritonPythonModel: ..."))
    return replace(made, model=code)


def _broken_model(made: Generated, source: random.Random) -> Generated:
    half = len(made.model) // 2
    return replace(made, model=source.choice((b"", made.model[:half], b"<!DOCTYPE html>", b"PK\x03\x04")))


_PYTHON_CHANGES: Final[tuple[Change, ...]] = (_broken_code,)
_ONNX_CHANGES: Final[tuple[Change, ...]] = (_broken_model,)

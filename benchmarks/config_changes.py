"""Changes of a model's configuration, many of them faults that Triton refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from benchmarks.generated_config import TYPES, Generated, Tensor

Change = Callable[[Generated, random.Random], Generated]


def _added(name: str, field: str, *contents: str) -> Change:
    """Return a change that adds a field; `%s` in it becomes one of these contents."""

    def change(made: Generated, source: random.Random) -> Generated:
        return replace(made, more=(*made.more, field % source.choice(contents)))

    change.__name__ = name
    return change


def _on_side(
    made: Generated, source: random.Random, edit: Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]
) -> Generated:
    """Change the inputs or the outputs."""
    if source.choice((True, False)):
        return replace(made, inputs=edit(made.inputs))
    return replace(made, outputs=edit(made.outputs))


def _with_tensor(made: Generated, source: random.Random, **changes: Any) -> Generated:
    """Change one tensor."""

    def edit(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if not tensors:
            return tensors
        place = source.randrange(len(tensors))
        if "more" in changes:
            changes["more"] = f"{tensors[place].more} {changes['more']}".strip()
        return (*tensors[:place], replace(tensors[place], **changes), *tensors[place + 1 :])

    return _on_side(made, source, edit)


def _other_type(made: Generated, source: random.Random) -> Generated:
    types = [*(f"TYPE_{one}" for one in TYPES), "TYPE_BYTES", "FP32", None, "TYPE_INVALID", "7"]
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
    return _on_side(made, source, lambda tensors: tensors[:-1])


def _one_more_tensor(made: Generated, source: random.Random) -> Generated:
    def edit(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        name, data_type = source.choice("QXYK"), f"TYPE_{source.choice(TYPES)}"
        dims, more = source.choice(((1,), (3,), (-1,))), source.choice(("", "", "optional: true"))
        return (*tensors, Tensor(name, data_type, dims, more))

    return _on_side(made, source, edit)


def _other_batch(made: Generated, source: random.Random) -> Generated:
    return replace(made, batch=source.choice((0, 1, 2, 8, 16, -1)))


_batching = _added(
    "_batching",
    "dynamic_batching { %s }",
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


_groups = _added(
    "_groups",
    "instance_group [ %s ]",
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


_versions = _added(
    "_versions",
    "version_policy { %s }",
    "all { }",
    "latest { num_versions: 1 }",
    "latest { num_versions: 0 }",
    "latest { num_versions: 3 }",
    "specific { versions: [ 1 ] }",
    "specific { versions: [ 2 ] }",
    "specific { versions: [ 1, 2 ] }",
    "specific { }",
)


_other_field = _added(
    "_other_field",
    "%s",
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


_START = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } }'
_sequence = _added(
    "_sequence",
    "sequence_batching { %s }",
    "",
    "direct { }",
    "oldest { max_candidate_sequences: 4 }",
    _START,
    f"{_START} {_START}",
)


CHANGES: Final[tuple[Change, ...]] = (
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


PYTHON_CHANGES: Final[tuple[Change, ...]] = (_broken_code,)
ONNX_CHANGES: Final[tuple[Change, ...]] = (_broken_model,)

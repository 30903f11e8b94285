"""Changes of a model's configuration, many of them faults that Triton refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from benchmarks.generated_config import TYPES, Generated, Tensor

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
    side = source.choice(("inputs", "outputs"))
    return replace(made, **{side: getattr(made, side)[:-1]})


def _one_more_tensor(made: Generated, source: random.Random) -> Generated:
    side = source.choice(("inputs", "outputs"))
    one = Tensor(source.choice("QXYK"), f"TYPE_{source.choice(TYPES)}", source.choice(((1,), (3,), (-1,))))
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

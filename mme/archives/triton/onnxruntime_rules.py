"""What Triton's ONNX Runtime backend refuses in a configuration, and how it completes one.

The rules, their order and their messages are the backend's (triton-inference-server/onnxruntime_backend,
``src/onnxruntime.cc`` and ``src/onnxruntime_utils.cc``, 24.10 to 26.05). `onnx_findings` words them.
The local Triton runs a copy of this file in the Python of models, which has none of this project's packages:
it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

DEFAULT_BATCH_SIZE: Final = 4
"""``max_batch_size`` of a completed configuration (Triton's ``--backend-config=default-max-batch-size``)."""

_DATA_TYPES: Final = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(bfloat16)": "BF16",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "STRING",
}
_KINDS: Final = {"seq": "sequence", "sparse_tensor": "sparse tensor"}
"""Kinds by onnxruntime's names, if those differ."""

_ONNX_KINDS: Final = {
    "sequence": "ONNX_TYPE_SEQUENCE",
    "map": "ONNX_TYPE_MAP",
    "opaque": "ONNX_TYPE_OPAQUE",
    "sparse tensor": "ONNX_TYPE_SPARSETENSOR",
}
_SEQUENCE_CONTROLS: Final = (
    "CONTROL_SEQUENCE_START",
    "CONTROL_SEQUENCE_END",
    "CONTROL_SEQUENCE_READY",
    "CONTROL_SEQUENCE_CORRID",
)


@dataclass(frozen=True, slots=True)
class ModelTensor:
    """An input or output of an ONNX model.

    Attributes:
        name: Its name.
        kind: ``tensor``, or what the backend refuses: ``sequence``, ``map``, ``opaque``, ``sparse tensor``.
        data_type: Triton's type, as in ``config.pbtxt``: ``TYPE_FP32``; ``TYPE_INVALID`` if it has none.
        dims: -1 for a dimension that is not fixed; empty for a scalar, None if they are not known.
    """

    name: str
    kind: str
    data_type: str
    dims: tuple[int, ...] | None

    @classmethod
    def of_type(cls, name: str, onnx_type: str, dims: tuple[int, ...]) -> ModelTensor:
        """Return a tensor with the type that onnxruntime names.

        Args:
            name: Its name.
            onnx_type: Such as ``tensor(float)`` or ``seq(map(int64,tensor(float)))``.
            dims: Empty if the model states no shape, too.
        """
        kind = onnx_type.partition("(")[0]
        return cls(name, _KINDS.get(kind, kind), f"TYPE_{_DATA_TYPES.get(onnx_type, 'INVALID')}", dims)

    @property
    def batched(self) -> bool:
        """Whether its first dimension may be the batch."""
        return self.dims is None or self.dims[:1] == (-1,)


@dataclass(frozen=True, slots=True)
class ModelTensors:
    """The inputs and outputs of an ONNX model, in its order.

    Attributes:
        inputs: Those that a request must have.
        outputs: All of them.
        initializers: Those that a request may have; they default to the model's constants.
    """

    inputs: Sequence[ModelTensor]
    outputs: Sequence[ModelTensor]
    initializers: Sequence[ModelTensor] = ()


Rule = Literal[
    "kind", "control", "number", "optional", "unknown", "type", "ragged", "scalar", "batch", "dims"
]
"""What a model breaks: the kind of its tensors, a control's type or dims, the number of its inputs, ..."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason why the backend refuses to load a model.

    Attributes:
        rule: That is broken.
        message: The backend's message.
        side: ``input`` or ``output``; empty if it is about the model.
        name: Of the tensor; empty likewise.
        given: The configuration's part about it.
        tensor: The model's own; None if it has none of the name.
        shape: What the configuration asks for, with the batch dimension.
    """

    rule: Rule
    message: str
    side: str = ""
    name: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    tensor: ModelTensor | None = None
    shape: tuple[int, ...] = ()


def refusals(config: Mapping[str, Any], tensors: ModelTensors) -> Iterator[Refusal]:
    """Yield what the backend refuses, in its order: it stops at the first.

    Args:
        config: ``config.pbtxt`` as JSON, completed.
        tensors: Of the model.
    """
    unsupported = next(unsupported_kinds([*tensors.inputs, *tensors.initializers], "input"), None)
    if unsupported:
        yield unsupported
        return
    yield from _controls_refused(config, tensors)
    yield from _inputs_refused(config, tensors)
    unsupported = next(unsupported_kinds(tensors.outputs, "output"), None)
    if unsupported:
        yield unsupported
        return
    yield from _outputs_refused(config, tensors)


def completed(config: Mapping[str, Any], tensors: ModelTensors) -> dict[str, Any]:
    """Return a configuration that lacks inputs or outputs with those of the model.

    Args:
        config: ``config.pbtxt`` as JSON.
        tensors: Of the model.

    Raises:
        ValueError: The backend refuses to complete it; its message.
    """
    if not needs_completion(config):
        return dict(config)
    everything = (*tensors.inputs, *tensors.outputs)
    refusal = next(unsupported_kinds(everything, ""), None)
    if refusal:
        raise ValueError(refusal.message)
    found = dict(config)
    batch = _batch(config)
    if all(tensor.batched for tensor in everything):
        batch = found["max_batch_size"] = batch or DEFAULT_BATCH_SIZE
        if batch > 1 and "sequence_batching" not in found:
            found.setdefault("dynamic_batching", {})
    elif batch:
        raise ValueError(
            f"autofill failed for model '{_name(config)}': model does not support batching while non-zero "
            "max_batch_size is specified"
        )
    if not found.get("input") and not found.get("batch_input"):
        found["input"] = [_completed_tensor(tensor, batch) for tensor in tensors.inputs]
    if not found.get("output"):
        found["output"] = [_completed_tensor(tensor, batch) for tensor in tensors.outputs]
    return found


def needs_completion(config: Mapping[str, Any]) -> bool:
    """Whether the backend reads the model to complete the configuration.

    Args:
        config: ``config.pbtxt`` as JSON.
    """
    return not ((config.get("input") or config.get("batch_input")) and config.get("output"))


def _completed_tensor(tensor: ModelTensor, batch: int) -> dict[str, Any]:
    dims = list((tensor.dims or ())[1 if batch else 0 :])
    given: dict[str, Any] = {"name": tensor.name, "data_type": tensor.data_type, "dims": dims or [1]}
    if batch and not dims:
        given["reshape"] = {"shape": []}
    return given


def unsupported_kinds(tensors: Sequence[ModelTensor], side: str) -> Iterator[Refusal]:
    """Yield the tensors that are sequences, maps and the like.

    Args:
        tensors: Inputs or outputs of a model.
        side: Which of them they are.
    """
    for tensor in tensors:
        if tensor.kind != "tensor":
            kind = _ONNX_KINDS.get(tensor.kind, "ONNX_TYPE_UNKNOWN")
            message = f"Unsupported ONNX Type '{kind}' for I/O '{tensor.name}', expected 'ONNX_TYPE_TENSOR'."
            yield Refusal("kind", message, side, tensor.name, tensor=tensor)


def _controls_refused(config: Mapping[str, Any], tensors: ModelTensors) -> Iterator[Refusal]:
    inputs = {tensor.name: tensor for tensor in tensors.inputs}
    for name, data_type in _controls(config):
        tensor = inputs.get(name)
        if tensor is None:
            message = (
                f"configuration specified sequence control '{name}', but model does not provide that input"
            )
            yield Refusal("unknown", message, "input", name)
            continue
        start = f"unable to load model '{_name(config)}', sequence control '{name}'"
        dims = tensor.dims
        if dims is not None and (dims[1:] if _batch(config) else dims) != (1,):
            shown = _shape(dims[1:] if _batch(config) else dims)
            message = f"{start} in model has dims {shown} but dims [1] is expected"
            yield Refusal("control", message, "input", name, tensor=tensor)
        if data_type != tensor.data_type:
            message = (
                f"{start}, the model expects data-type {tensor.data_type.removeprefix('TYPE_')} but the "
                f"model configuration specifies data-type {data_type}"
            )
            yield Refusal("control", message, "input", name, tensor=tensor)


def _controls(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and data type of each sequence control."""
    for given in config.get("sequence_batching", {}).get("control_input", ()):
        for control in given.get("control", ()):
            if control.get("kind", _SEQUENCE_CONTROLS[0]) in _SEQUENCE_CONTROLS:
                data_type = control.get("data_type", "TYPE_INVALID")
                for key in ("int32", "fp32", "bool"):
                    if control.get(f"{key}_false_true"):
                        data_type = f"TYPE_{key.upper()}"
                yield given.get("name", ""), data_type


def _inputs_refused(config: Mapping[str, Any], tensors: ModelTensors) -> Iterator[Refusal]:
    model = _name(config)
    given = config.get("input", ())
    expected = (
        sum(not one.get("optional") for one in given)
        + len(config.get("batch_input", ()))
        + len(list(_controls(config)))
        + len(config.get("sequence_batching", {}).get("state", ()))
    )
    if expected != len(tensors.inputs):
        message = (
            f"unable to load model '{model}', configuration expects {expected} inputs, model provides "
            f"{len(tensors.inputs)}"
        )
        yield Refusal("number", message)
    known = {tensor.name: tensor for tensor in (*tensors.inputs, *tensors.initializers)}
    for one in given:
        name, optional = one.get("name", ""), bool(one.get("optional"))
        if optional and _batch(config):
            message = (
                f"unable to load model '{model}', optional input '{name}' is not supported for models that "
                "support batching"
            )
            yield Refusal("optional", message, "input", name, one)
        tensor = known.get(name)
        if tensor is None:
            yield _unexpected("input", name, known)
            continue
        yield from _type_refused(config, "input", one, tensor)
        ragged = bool(one.get("allow_ragged_batch"))
        start = f"unable to load model '{model}', configuration expects model provides input with shape [-1]"
        if ragged and optional:
            message = f"{start} for ragged input '{name}', which is not supported for optional input"
            yield Refusal("ragged", message, "input", name, one, tensor)
        elif ragged and tensor.dims not in (None, (-1,)):
            message = f"{start}  for ragged input '{name}', model provides {_shape(tensor.dims or ())}"
            yield Refusal("ragged", message, "input", name, one, tensor)
        elif not ragged:
            yield from _dims_refused(config, "input", one, tensor)


def _outputs_refused(config: Mapping[str, Any], tensors: ModelTensors) -> Iterator[Refusal]:
    known = {tensor.name: tensor for tensor in tensors.outputs}
    scattered = {name for one in config.get("batch_output", ()) for name in one.get("target_name", ())}
    for one in config.get("output", ()):
        name = one.get("name", "")
        tensor = known.get(name)
        if tensor is None:
            yield _unexpected("output", name, known)
            continue
        yield from _type_refused(config, "output", one, tensor)
        if name not in scattered:
            yield from _dims_refused(config, "output", one, tensor)
    for state in config.get("sequence_batching", {}).get("state", ()):
        name = state.get("output_name", "")
        tensor = known.get(name)
        if tensor is None:
            yield _unexpected("output", name, known)
        else:
            yield from _type_refused(config, "output state", {**state, "name": name}, tensor)


def _unexpected(side: str, name: str, allowed: Mapping[str, ModelTensor]) -> Refusal:
    message = f"unexpected inference {side} '{name}', allowed {side}s are: {', '.join(sorted(allowed))}"
    return Refusal("unknown", message, side, name)


def _type_refused(
    config: Mapping[str, Any], side: str, given: Mapping[str, Any], tensor: ModelTensor
) -> Iterator[Refusal]:
    wanted = given.get("data_type", "TYPE_INVALID")
    if wanted.removeprefix("TYPE_") not in _DATA_TYPES.values():
        message = f"unsupported datatype {wanted} for {side} '{tensor.name}' for model '{_name(config)}'"
    elif wanted != tensor.data_type:
        provided = tensor.data_type.replace("STRING", "BYTES").replace("INVALID", "<invalid>")
        message = (
            f"unable to load model '{_name(config)}', configuration expects datatype {wanted} for {side} "
            f"'{tensor.name}', model provides {provided}"
        )
    else:
        return
    yield Refusal("type", message, side, tensor.name, given, tensor)


def _dims_refused(
    config: Mapping[str, Any], side: str, given: Mapping[str, Any], tensor: ModelTensor
) -> Iterator[Refusal]:
    """Yield what is wrong with a tensor's dims; an output's must be -1 if the model does not fix them."""
    if tensor.dims is None:
        return
    dims = [int(dim) for dim in given.get("reshape", {"shape": given.get("dims", ())}).get("shape", ())]
    batches = _batch(config) > 0
    wanted = (-1, *dims) if batches else tuple(dims)
    rule: Rule = "dims"
    start = f"model '{_name(config)}', tensor '{tensor.name}': "
    if not tensor.dims:
        if all(dim == 1 for dim in dims):
            return
        rule, wanted = "scalar", tuple(dims)
        message = (
            f"unable to load model '{_name(config)}', scalar tensor '{tensor.name}', should only provide "
            "1 in the model configuration when the model doesn't support batching. Model configuration "
            f"provided: {_shape(dims)}."
        )
    elif batches and tensor.dims[0] != -1:
        rule = "batch"
        message = (
            f"{start}for the model to support batching the shape should have at least 1 dimension and the "
            f"first dimension must be -1; but shape expected by the model is {_shape(tensor.dims)}"
        )
    elif fits(tensor.dims, wanted, exact=side == "output"):
        return
    else:
        made = (
            "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, "
            f"making complete shape {_shape(wanted)}"
            if batches
            else f"shape {_shape(wanted)}"
        )
        message = (
            f"{start}the model expects {len(tensor.dims)} dimensions (shape {_shape(tensor.dims)}) but the "
            f"model configuration specifies {len(wanted)} dimensions ({made})"
        )
    yield Refusal(rule, message, side, tensor.name, given, tensor, wanted)


def fits(dims: Sequence[int], wanted: Sequence[int], *, exact: bool) -> bool:
    """Return whether a configuration's shape is one of the model's.

    Args:
        dims: The model's.
        wanted: The configuration's, with the batch dimension.
        exact: Whether a dimension that the model does not fix must be -1, as for outputs.
    """
    return len(wanted) == len(dims) and all(
        had == want or (had == -1 and not exact) for had, want in zip(dims, wanted, strict=True)
    )


def _batch(config: Mapping[str, Any]) -> int:
    return int(config.get("max_batch_size", 0))


def _name(config: Mapping[str, Any]) -> str:
    return str(config.get("name", ""))


def _shape(dims: Sequence[int]) -> str:
    return f"[{','.join(map(str, dims))}]"

"""What Triton's ONNX Runtime backend refuses in a configuration, and how it completes one.

The rules, their order and their messages are the backend's (triton-inference-server/onnxruntime_backend,
``src/onnxruntime.cc`` and ``src/onnxruntime_utils.cc``, 24.10 to 26.05). The local Triton runs a copy of this
file in the Python of models, which has none of this project's packages: it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
_ONNX_KINDS: Final = {
    "seq": "ONNX_TYPE_SEQUENCE",
    "map": "ONNX_TYPE_MAP",
    "opaque": "ONNX_TYPE_OPAQUE",
    "sparse_tensor": "ONNX_TYPE_SPARSETENSOR",
}
_SEQUENCE_CONTROLS: Final = (
    "CONTROL_SEQUENCE_START",
    "CONTROL_SEQUENCE_END",
    "CONTROL_SEQUENCE_READY",
    "CONTROL_SEQUENCE_CORRID",
)


@dataclass(frozen=True, slots=True)
class OnnxTensor:
    """An input or output of an ONNX model.

    Attributes:
        name: Its name.
        type: As onnxruntime names it: ``tensor(float)``, ``seq(map(int64,tensor(float)))``.
        dims: -1 for a dimension that is not fixed; empty for a scalar, or if the model states no shape.
    """

    name: str
    type: str
    dims: tuple[int, ...]

    @property
    def data_type(self) -> str:
        """Triton's type, as in ``config.pbtxt``: ``TYPE_FP32``; ``TYPE_INVALID`` if it has none."""
        return f"TYPE_{_DATA_TYPES.get(self.type, 'INVALID')}"


@dataclass(frozen=True, slots=True)
class OnnxSignature:
    """The inputs and outputs of an ONNX model, in its order.

    Attributes:
        inputs: Those that a request must have.
        outputs: All of them.
        initializers: Those that a request may have; they default to the model's constants.
    """

    inputs: Sequence[OnnxTensor]
    outputs: Sequence[OnnxTensor]
    initializers: Sequence[OnnxTensor] = ()


@dataclass(frozen=True, slots=True)
class OnnxFault:
    """A reason why the backend refuses to load a model.

    Attributes:
        tensor: Name of the input or output; empty if it is about the model.
        message: The backend's message.
    """

    tensor: str
    message: str


def faults(config: Mapping[str, Any], signature: OnnxSignature) -> Iterator[OnnxFault]:
    """Yield what the backend refuses, in its order: it stops at the first.

    Args:
        config: ``config.pbtxt`` as JSON, completed.
        signature: Of the model.
    """
    unsupported = next(_unsupported([*signature.inputs, *signature.initializers]), None)
    if unsupported:
        yield unsupported
        return
    yield from _sequence_faults(config, signature)
    yield from _input_faults(config, signature)
    unsupported = next(_unsupported(signature.outputs), None)
    if unsupported:
        yield unsupported
        return
    yield from _output_faults(config, signature)


def completed(config: Mapping[str, Any], signature: OnnxSignature) -> dict[str, Any]:
    """Return a configuration that lacks inputs or outputs with those of the model.

    Args:
        config: ``config.pbtxt`` as JSON.
        signature: Of the model.

    Raises:
        ValueError: The backend refuses to complete it; its message.
    """
    if not needs_completion(config):
        return dict(config)
    fault = next(_unsupported([*signature.inputs, *signature.outputs]), None)
    if fault:
        raise ValueError(fault.message)
    found = dict(config)
    batch = int(found.get("max_batch_size", 0))
    if all(tensor.dims[:1] == (-1,) for tensor in (*signature.inputs, *signature.outputs)):
        batch = found["max_batch_size"] = batch or DEFAULT_BATCH_SIZE
        if batch > 1 and "sequence_batching" not in found:
            found.setdefault("dynamic_batching", {})
    elif batch:
        raise ValueError(
            f"autofill failed for model '{_name(config)}': model does not support batching while non-zero "
            "max_batch_size is specified"
        )
    if not found.get("input") and not found.get("batch_input"):
        found["input"] = [_completed_tensor(tensor, batch) for tensor in signature.inputs]
    if not found.get("output"):
        found["output"] = [_completed_tensor(tensor, batch) for tensor in signature.outputs]
    return found


def needs_completion(config: Mapping[str, Any]) -> bool:
    """Whether the backend reads the model to complete the configuration.

    Args:
        config: ``config.pbtxt`` as JSON.
    """
    return not ((config.get("input") or config.get("batch_input")) and config.get("output"))


def _completed_tensor(tensor: OnnxTensor, batch: int) -> dict[str, Any]:
    dims = list(tensor.dims[1:] if batch else tensor.dims)
    given: dict[str, Any] = {"name": tensor.name, "data_type": tensor.data_type, "dims": dims or [1]}
    if batch and not dims:
        given["reshape"] = {"shape": []}
    return given


def _unsupported(tensors: Sequence[OnnxTensor]) -> Iterator[OnnxFault]:
    for tensor in tensors:
        kind = tensor.type.partition("(")[0]
        if kind != "tensor":
            yield OnnxFault(
                tensor.name,
                f"Unsupported ONNX Type '{_ONNX_KINDS.get(kind, 'ONNX_TYPE_UNKNOWN')}' for I/O "
                f"'{tensor.name}', expected 'ONNX_TYPE_TENSOR'.",
            )


def _sequence_faults(config: Mapping[str, Any], signature: OnnxSignature) -> Iterator[OnnxFault]:
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    for name, data_type in _controls(config):
        tensor = inputs.get(name)
        if tensor is None:
            yield OnnxFault(
                name,
                f"configuration specified sequence control '{name}', but model does not provide that input",
            )
            continue
        start = f"unable to load model '{_name(config)}', sequence control '{name}'"
        dims = tensor.dims[1:] if _batch(config) else tensor.dims
        if dims != (1,):
            yield OnnxFault(name, f"{start} in model has dims {_shape(dims)} but dims [1] is expected")
        if data_type != tensor.data_type:
            yield OnnxFault(
                name,
                f"{start}, the model expects data-type {tensor.data_type.removeprefix('TYPE_')} but the "
                f"model configuration specifies data-type {data_type}",
            )


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


def _input_faults(config: Mapping[str, Any], signature: OnnxSignature) -> Iterator[OnnxFault]:
    model = _name(config)
    given = config.get("input", ())
    expected = (
        sum(not one.get("optional") for one in given)
        + len(config.get("batch_input", ()))
        + len(list(_controls(config)))
        + len(config.get("sequence_batching", {}).get("state", ()))
    )
    if expected != len(signature.inputs):
        yield OnnxFault(
            "",
            f"unable to load model '{model}', configuration expects {expected} inputs, model provides "
            f"{len(signature.inputs)}",
        )
    tensors = {tensor.name: tensor for tensor in (*signature.inputs, *signature.initializers)}
    for one in given:
        name, optional = one.get("name", ""), bool(one.get("optional"))
        if optional and _batch(config):
            yield OnnxFault(
                name,
                f"unable to load model '{model}', optional input '{name}' is not supported for models that "
                "support batching",
            )
        tensor = tensors.get(name)
        if tensor is None:
            yield _unexpected("input", name, tensors)
            continue
        yield from _type_faults(config, "input", one, tensor)
        ragged = bool(one.get("allow_ragged_batch"))
        if ragged and optional:
            yield OnnxFault(
                name,
                f"unable to load model '{model}', configuration expects model provides input with shape [-1] "
                f"for ragged input '{name}', which is not supported for optional input",
            )
        elif ragged and tensor.dims != (-1,):
            yield OnnxFault(
                name,
                f"unable to load model '{model}', configuration expects model provides input with shape "
                f"[-1]  for ragged input '{name}', model provides {_shape(tensor.dims)}",
            )
        elif not ragged:
            yield from _dims_faults(config, one, tensor, exact=False)


def _output_faults(config: Mapping[str, Any], signature: OnnxSignature) -> Iterator[OnnxFault]:
    tensors = {tensor.name: tensor for tensor in signature.outputs}
    scattered = {name for one in config.get("batch_output", ()) for name in one.get("target_name", ())}
    for one in config.get("output", ()):
        name = one.get("name", "")
        tensor = tensors.get(name)
        if tensor is None:
            yield _unexpected("output", name, tensors)
            continue
        yield from _type_faults(config, "output", one, tensor)
        if name not in scattered:
            yield from _dims_faults(config, one, tensor, exact=True)
    for state in config.get("sequence_batching", {}).get("state", ()):
        name = state.get("output_name", "")
        tensor = tensors.get(name)
        if tensor is None:
            yield _unexpected("output", name, tensors)
        else:
            yield from _type_faults(config, "output state", {**state, "name": name}, tensor)


def _unexpected(kind: str, name: str, allowed: Mapping[str, OnnxTensor]) -> OnnxFault:
    return OnnxFault(
        name, f"unexpected inference {kind} '{name}', allowed {kind}s are: {', '.join(sorted(allowed))}"
    )


def _type_faults(
    config: Mapping[str, Any], kind: str, given: Mapping[str, Any], tensor: OnnxTensor
) -> Iterator[OnnxFault]:
    wanted = given.get("data_type", "TYPE_INVALID")
    if wanted.removeprefix("TYPE_") not in _DATA_TYPES.values():
        yield OnnxFault(
            tensor.name,
            f"unsupported datatype {wanted} for {kind} '{tensor.name}' for model '{_name(config)}'",
        )
    elif wanted != tensor.data_type:
        provided = tensor.data_type.replace("STRING", "BYTES").replace("INVALID", "<invalid>")
        yield OnnxFault(
            tensor.name,
            f"unable to load model '{_name(config)}', configuration expects datatype {wanted} for {kind} "
            f"'{tensor.name}', model provides {provided}",
        )


def _dims_faults(
    config: Mapping[str, Any], given: Mapping[str, Any], tensor: OnnxTensor, *, exact: bool
) -> Iterator[OnnxFault]:
    """Yield the fault of a tensor's dims.

    Args:
        config: The whole configuration.
        given: The tensor's part of it.
        tensor: The model's tensor.
        exact: Whether a dimension that the model does not fix must be -1, as for outputs.
    """
    dims = [int(dim) for dim in given.get("reshape", {"shape": given.get("dims", ())}).get("shape", ())]
    if not tensor.dims:
        if any(dim != 1 for dim in dims):
            yield OnnxFault(
                tensor.name,
                f"unable to load model '{_name(config)}', scalar tensor '{tensor.name}', should only provide "
                "1 in the model configuration when the model doesn't support batching. Model configuration "
                f"provided: {_shape(dims)}.",
            )
        return
    start = f"model '{_name(config)}', tensor '{tensor.name}': "
    batches = _batch(config) > 0
    if batches and tensor.dims[0] != -1:
        yield OnnxFault(
            tensor.name,
            f"{start}for the model to support batching the shape should have at least 1 dimension and the "
            f"first dimension must be -1; but shape expected by the model is {_shape(tensor.dims)}",
        )
        return
    wanted = [-1, *dims] if batches else dims
    if len(wanted) == len(tensor.dims) and all(
        had == want or (had == -1 and not exact) for had, want in zip(tensor.dims, wanted, strict=True)
    ):
        return
    made = (
        "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making "
        f"complete shape {_shape(wanted)}"
        if batches
        else f"shape {_shape(wanted)}"
    )
    yield OnnxFault(
        tensor.name,
        f"{start}the model expects {len(tensor.dims)} dimensions (shape {_shape(tensor.dims)}) but the model "
        f"configuration specifies {len(wanted)} dimensions ({made})",
    )


def _batch(config: Mapping[str, Any]) -> int:
    return int(config.get("max_batch_size", 0))


def _name(config: Mapping[str, Any]) -> str:
    return str(config.get("name", ""))


def _shape(dims: Sequence[int]) -> str:
    return f"[{','.join(map(str, dims))}]"

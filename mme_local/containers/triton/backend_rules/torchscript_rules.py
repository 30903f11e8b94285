"""How Triton's PyTorch backend matches a configuration's tensors to a TorchScript model, and refuses them.

The rules, their order and their messages are the backend's (triton-inference-server/pytorch_backend,
``src/pt/model_instance_state.cc``). The local Triton runs a copy of this file in the Python of models, which
has none of this project's packages: it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

_TYPES = ("BOOL", "UINT8", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "STRING")
_DATA_TYPES: Final = frozenset(f"TYPE_{name}" for name in _TYPES)


def order(tensors: Sequence[Mapping[str, Any]], arguments: Sequence[str] = ()) -> list[int]:
    """Return the position in the model's signature of each tensor of a configuration.

    Names that are all arguments of ``forward`` have their positions; ``NAME__INDEX`` has its index if all
    names have one; else the configuration's order counts.

    Args:
        tensors: Inputs or outputs of the configuration.
        arguments: Names of ``forward``'s arguments; empty for outputs.
    """
    names = [str(tensor.get("name", "")) for tensor in tensors]
    if arguments and all(name in arguments for name in names):
        return [list(arguments).index(name) for name in names]
    indexes = [name.partition("__")[2] for name in names]
    if all(
        "__" in name and (not index or index.isdecimal()) for name, index in zip(names, indexes, strict=True)
    ):
        return [int(index or 0) for index in indexes]
    return list(range(len(names)))


def fault(config: Mapping[str, Any], arguments: Sequence[tuple[str, str]]) -> str | None:
    """Return the backend's reason to refuse a model; None if it loads it.

    Args:
        config: ``config.pbtxt`` as JSON.
        arguments: Name and TorchScript type of ``forward``'s arguments, without ``self``.
    """
    kinds = [kind for _, kind in arguments]
    takes_dict = len(kinds) == 1 and kinds[0].startswith("Dict")
    inputs, outputs = config.get("input", ()), config.get("output", ())
    if not takes_dict and arguments:
        if any(kind.startswith("Dict") for kind in kinds[1:]):
            return (
                "Multiple inputs of kind DictType were detected. Only a single input of type Dict(str, "
                "Tensor) is supported."
            )
        for kind in kinds:
            if kind != "Tensor" and not kind.startswith("List"):
                return (
                    f"An input of type '{kind}' was detected in the model. Only a single input of type "
                    "Dict(str, Tensor) or input(s) of type Tensor are supported."
                )
        expected = len(inputs) + len(config.get("batch_input", ()))
        if expected != len(kinds):
            return (
                f"unable to load model '{config.get('name', '')}', configuration expects {expected} inputs, "
                f"model provides {len(kinds)}"
            )
    for kind, tensors in (("input", inputs), ("output", outputs)):
        if not tensors:
            return f"model configuration must contain at least one {kind}, none were specified."
        for tensor in tensors:
            if reason := _tensor_fault(config, kind, tensor):
                return reason
    return None


def _tensor_fault(config: Mapping[str, Any], kind: str, tensor: Mapping[str, Any]) -> str | None:
    name, data_type = tensor.get("name", ""), tensor.get("data_type", "TYPE_INVALID")
    model = config.get("name", "")
    if data_type not in _DATA_TYPES:
        return f"unsupported datatype {data_type} for {kind} '{name}' for model '{model}'"
    dims = tensor.get("reshape", {"shape": tensor.get("dims", ())}).get("shape", ())
    if data_type == "TYPE_STRING" and len(dims) + (int(config.get("max_batch_size", 0)) > 0) > 1:
        return f"Triton only supports 1 dimensional List of String as {kind} for '{name}' for model '{model}'"
    return None

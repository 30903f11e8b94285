"""What Triton requires of the tensors in a config.pbtxt.

Source of the rules: triton-inference-server/core, `src/model_config_utils.cc`; each was tried on Triton 2.51.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from mme.archives.triton.config import TritonConfig
from mme.findings import Finding

_ANY_LENGTH: Final = -1
_IMAGE_DIMS: Final = 3


def tensor_findings(config: TritonConfig, source: str, *, completed: bool) -> Iterator[Finding]:
    """Yield what is wrong with inputs and outputs.

    Args:
        config: The model's.
        source: The config's path, for messages.
        completed: Whether the backend or the code may fill in what is missing.
    """
    message = config.message
    for kind in ("input", "output"):
        names: set[str] = set()
        for tensor in getattr(message, kind):
            where = f"the {kind} {tensor.name} in {source}"
            if kind == "input" and tensor.name in names:
                hint = "Triton then waits for a tensor that can't be sent: give each its own name"
                yield Finding.error("config-tensor-twice", f"{where} is declared twice", hint)
            names.add(tensor.name)
            yield from _tensor(tensor, where, completed=completed)
            yield from _reshape(tensor, where, batched=message.max_batch_size > 0)
            if kind == "input" and tensor.format and len(tensor.dims) != _IMAGE_DIMS:
                text = f"{where} has {len(tensor.dims)} dims; NHWC and NCHW need 3"
                hint = "write three dims, without the batch, or remove format"
                yield Finding.error("config-tensor-format", text, hint)
    yield from _batch_tensors(message, source)


def _tensor(tensor: Any, where: str, *, completed: bool) -> Iterator[Finding]:
    if not tensor.data_type and not completed:
        hint = "add it, e.g. data_type: TYPE_FP32"
        yield Finding.error("config-tensor-type", f"{where} has no data_type", hint)
    if not tensor.dims and not completed:
        hint = "add them, e.g. dims: [ 3, 224, 224 ]"
        yield Finding.error("config-tensor-dims", f"{where} has no dims", hint)
    wrong = [dim for dim in tensor.dims if dim < 1 and dim != _ANY_LENGTH]
    if wrong:
        hint = "a dim is 1 or more, or -1 for any length"
        yield Finding.error("config-tensor-dims", f"{where} has the dim {wrong[0]}", hint)


def _reshape(tensor: Any, where: str, *, batched: bool) -> Iterator[Finding]:
    if not tensor.HasField("reshape"):
        return
    shape = list(tensor.reshape.shape)
    if not shape and not batched:
        yield Finding.error("config-reshape", f"{where} is reshaped to nothing", "give reshape a shape")
    elif any(dim < 1 and dim != _ANY_LENGTH for dim in shape):
        yield Finding.error("config-reshape", f"{where} is reshaped to {shape}", "a dim is 1 or more, or -1")
    elif _runs(tensor.dims) != _runs(shape):
        text = f"{where} has dims {list(tensor.dims)} reshaped to {shape}"
        hint = "both must have the same number of elements, and as many -1 in between"
        yield Finding.error("config-reshape", text, hint)


def _runs(dims: Any) -> list[int]:
    """Return the numbers of elements between the dims of any length."""
    runs = [1]
    for dim in dims:
        if dim == _ANY_LENGTH:
            runs.append(1)
        else:
            runs[-1] = math.prod((runs[-1], dim))
    return runs


def _batch_tensors(message: Any, source: str) -> Iterator[Finding]:
    inputs = {tensor.name for tensor in message.input}
    outputs = {tensor.name for tensor in message.output}
    for kind in ("batch_input", "batch_output"):
        for tensor in getattr(message, kind):
            unknown = [name for name in tensor.source_input if name not in inputs]
            if kind == "batch_output":
                unknown += [name for name in tensor.target_name if name not in outputs]
            if unknown:
                text = f"{kind} in {source} names the unknown {unknown[0]}"
                yield Finding.error("config-batch-tensor", text, "name tensors that the model declares")

"""What Triton asks of the tensors in a config.pbtxt.

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
    """Faults of inputs and outputs.

    Args:
        config: the model's.
        source: its file's name, for messages.
        completed: whether the backend or the code may fill in what is missing.
    """
    message = config.message
    for kind in ("input", "output"):
        names: set[str] = set()
        for tensor in getattr(message, kind):
            where = f"the {kind} {tensor.name} in {source}"
            if kind == "input" and tensor.name in names:
                hint = "Triton then waits for a tensor that nobody can send: give each its own name"
                yield Finding.error("config-tensor-twice", f"{where} is declared twice", hint)
            names.add(tensor.name)
            yield from _tensor(tensor, where, completed=completed)
            yield from _reshape(tensor, where, batched=message.max_batch_size > 0)
    for tensor in message.input:
        if tensor.format and len(tensor.dims) != _IMAGE_DIMS:
            yield Finding.error(
                "config-tensor-format",
                f"the input {tensor.name} in {source} has {len(tensor.dims)} dims; NHWC and NCHW need 3",
                "write three dims, without the batch, or take format out",
            )
    yield from _batch_tensors(message, source)


def _tensor(tensor: Any, where: str, *, completed: bool) -> Iterator[Finding]:
    if not tensor.data_type and not completed:
        yield Finding.error(
            "config-tensor-type", f"{where} has no data_type", "add it, e.g. data_type: TYPE_FP32"
        )
    if not tensor.dims and not completed:
        yield Finding.error(
            "config-tensor-dims", f"{where} has no dims", "add them, e.g. dims: [ 3, 224, 224 ]"
        )
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
        hint = "both must have the same number of elements, and as many -1 in between"
        yield Finding.error(
            "config-reshape", f"{where} has dims {list(tensor.dims)} reshaped to {shape}", hint
        )


def _runs(dims: Any) -> list[int]:
    """Numbers of elements between the dims of any length."""
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
                hint = "name tensors that the model declares"
                yield Finding.error(
                    "config-batch-tensor", f"{kind} in {source} names the unknown {unknown[0]}", hint
                )

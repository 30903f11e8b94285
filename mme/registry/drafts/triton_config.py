"""Write a config.pbtxt and an example request for a model's tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mme.archives.signature import TensorSpec

DEFAULT_MAX_BATCH_SIZE: Final = 8
"""max_batch_size of a new model that batches."""

REQUEST_FILE: Final = "request.json"
_IMAGE_SIDE: Final = 64
_IMAGE_CHANNELS: Final = (1, 3, 4)
_REQUEST_MAX_ELEMENTS: Final = 4_000_000
_EXAMPLES: Final[dict[str, Any]] = {"BYTES": "text", "BOOL": False}


@dataclass(frozen=True, slots=True)
class TritonModel:
    """What a config.pbtxt states.

    Attributes:
        backend: Lines that name the backend or platform.
        inputs: Tensors; dims without the batch dimension. No dims are a single number.
        outputs: As inputs.
        max_batch_size: 0 if shapes have no batch dimension.
        gpu: Whether it runs on a GPU.
        comment: Lines for its top.
        more: Lines for its end.
    """

    backend: Sequence[str]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    max_batch_size: int
    gpu: bool = False
    comment: Sequence[str] = ()
    more: Sequence[str] = ()

    def config(self) -> bytes:
        """Return the config.pbtxt."""
        lines = [f"# {line}" for line in self.comment]
        lines += self.backend
        if self.max_batch_size:
            lines.append("# Requests carry the batch in front of these dimensions.")
        lines.append(f"max_batch_size: {self.max_batch_size}")
        for kind, tensors in (("input", self.inputs), ("output", self.outputs)):
            lines += [f"{kind} [ {self._tensor(tensor)} ]" for tensor in tensors]
        lines.append(f"instance_group [ {{ count: 1 kind: {'KIND_GPU' if self.gpu else 'KIND_CPU'} }} ]")
        return "\n".join([*lines, *self.more, ""]).encode()

    def request(self) -> bytes:
        """Return a KServe v2 request with zeros, in which sizes that are open are 1."""
        inputs = []
        for tensor in self.inputs:
            dims = _example_dims(tensor.dims)
            shape = [1, *dims] if self.max_batch_size else dims
            value = _EXAMPLES.get(tensor.datatype, 0.0 if tensor.datatype[:2] in ("FP", "BF") else 0)
            count = math.prod(shape)
            data = [value] * (count if count <= _REQUEST_MAX_ELEMENTS else 0)
            inputs.append({"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": data})
        return json.dumps({"inputs": inputs}, ensure_ascii=False).encode()

    def lines(self) -> list[str]:
        """Return a line about each tensor, for a terminal."""
        return [
            f"{kind} {tensor.name}: {tensor.datatype} {self._shape(tensor)}"
            for kind, tensors in (("input", self.inputs), ("output", self.outputs))
            for tensor in tensors
        ]

    def _shape(self, tensor: TensorSpec) -> str:
        sizes = ["any" if dim == -1 else str(dim) for dim in tensor.dims or (1,)]
        return f"[{', '.join(['batch', *sizes] if self.max_batch_size else sizes)}]"

    def _tensor(self, tensor: TensorSpec) -> str:
        from google.protobuf.text_encoding import CEscape

        name = CEscape(tensor.name.encode(), as_utf8=True)
        datatype = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
        dims = ", ".join(str(dim) for dim in tensor.dims or (1,))
        # A single number per item: Triton has no empty dims.
        reshape = " reshape { shape: [ ] }" if self.max_batch_size and not tensor.dims else ""
        return f'{{ name: "{name}" data_type: TYPE_{datatype} dims: [ {dims} ]{reshape} }}'


def _example_dims(dims: Sequence[int]) -> list[int]:
    picture = len(dims) == 3 and (dims[0] in _IMAGE_CHANNELS or dims[2] in _IMAGE_CHANNELS)
    return [(_IMAGE_SIDE if picture else 1) if dim == -1 else dim for dim in dims or (1,)]

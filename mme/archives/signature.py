"""A model's tensors: what it takes and what it gives, as its Triton config declares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

SIGNATURE_MAX_BYTES: Final = 1500
"""Longest signature kept beside an archive. S3 allows 2 KB of user metadata in all
(S3 user guide, "Working with object metadata"), and the digest needs its share."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor.

    Attributes:
        name: as Triton knows it.
        datatype: KServe's name of it: `FP32`, `INT64`, `BYTES`.
        dims: without the batch dimension; -1 stands for any length.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorSignature:
    """All tensors of a model.

    Attributes:
        inputs: in the config's order. Empty where the config leaves them to Triton.
        outputs: likewise.
        max_batch_size: above 0, every tensor has one more dimension in front.
        platform: the platform where the config names one (`onnxruntime_onnx`), else the backend (`python`).
    """

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    max_batch_size: int = 0
    platform: str = ""

    def input(self, name: str) -> TensorSpec | None:
        """The input of that name, or None."""
        return next((spec for spec in self.inputs if spec.name == name), None)

    def request_shape(self, spec: TensorSpec) -> tuple[int, ...]:
        """The shape of one request's tensor: -1 in front for the batch, where the model has one."""
        return (-1, *spec.dims) if self.max_batch_size > 0 else spec.dims

    def to_metadata(self) -> str | None:
        """Compact ASCII JSON for the S3 object's metadata, or None if it is over SIGNATURE_MAX_BYTES."""
        text = json.dumps(
            {
                "in": [[spec.name, spec.datatype, list(spec.dims)] for spec in self.inputs],
                "out": [[spec.name, spec.datatype, list(spec.dims)] for spec in self.outputs],
                "batch": self.max_batch_size,
                "platform": self.platform,
            },
            separators=(",", ":"),
        )
        return text if len(text) <= SIGNATURE_MAX_BYTES else None

    @classmethod
    def from_metadata(cls, text: str) -> TensorSignature | None:
        """Reads what `to_metadata` wrote. Anything else gives None: metadata can be anybody's."""
        try:
            stored = json.loads(text)
            return cls(
                inputs=tuple(_spec(entry) for entry in stored["in"]),
                outputs=tuple(_spec(entry) for entry in stored["out"]),
                max_batch_size=int(stored["batch"]),
                platform=str(stored["platform"]),
            )
        except (ValueError, TypeError, KeyError):
            return None


def _spec(entry: Any) -> TensorSpec:
    name, datatype, dims = entry
    return TensorSpec(str(name), str(datatype), tuple(int(dim) for dim in dims))

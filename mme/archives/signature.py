"""A model's input and output tensors, as its Triton config declares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

SIGNATURE_MAX_BYTES: Final = 1500
"""Longest signature stored with an archive. S3 allows 2 KB of user metadata, the digest included.

Source: S3 user guide, "Working with object metadata"."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor.

    Attributes:
        name: As in the config.
        datatype: KServe's name: `FP32`, `INT64`, `BYTES`.
        dims: Without the batch dimension; -1 is any length.
        optional: Whether a request may leave it out.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    optional: bool = False

    @property
    def kind(self) -> str:
        """Its data type, for people: `FP32`, `FP32, optional`."""
        return f"{self.datatype}, optional" if self.optional else self.datatype


@dataclass(frozen=True, slots=True)
class TensorSignature:
    """All tensors of a model.

    Attributes:
        inputs: In the config's order; empty if the config leaves them to Triton.
        outputs: As inputs.
        max_batch_size: If above 0, every tensor has a batch dimension in front.
        platform: The config's platform (`onnxruntime_onnx`), else its backend (`python`).
    """

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    max_batch_size: int = 0
    platform: str = ""

    def input(self, name: str) -> TensorSpec | None:
        """Return the input of that name, or None."""
        return next((spec for spec in self.inputs if spec.name == name), None)

    def request_shape(self, spec: TensorSpec) -> tuple[int, ...]:
        """Return the shape of a request's tensor: `(-1, *dims)` if the model batches, else its dims."""
        return (-1, *spec.dims) if self.max_batch_size > 0 else spec.dims

    def to_metadata(self) -> str | None:
        """Return compact ASCII JSON for the S3 object's metadata; None if it is over SIGNATURE_MAX_BYTES."""
        text = json.dumps(
            {
                "in": [_entry(spec) for spec in self.inputs],
                "out": [_entry(spec) for spec in self.outputs],
                "batch": self.max_batch_size,
                "platform": self.platform,
            },
            separators=(",", ":"),
        )
        return text if len(text) <= SIGNATURE_MAX_BYTES else None

    @classmethod
    def from_metadata(cls, text: str) -> TensorSignature | None:
        """Parse what `to_metadata` wrote; return None for anything else."""
        try:
            stored = json.loads(text)
            return cls(
                inputs=tuple(_spec(entry) for entry in stored["in"]),
                outputs=tuple(_spec(entry) for entry in stored["out"]),
                max_batch_size=int(stored["batch"]),
                platform=str(stored["platform"]),
            )
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None


def _entry(spec: TensorSpec) -> list[Any]:
    return [spec.name, spec.datatype, list(spec.dims), *([True] if spec.optional else [])]


def _spec(entry: Any) -> TensorSpec:
    name, datatype, dims, *optional = entry
    return TensorSpec(str(name), str(datatype), tuple(int(dim) for dim in dims), optional=bool(optional))

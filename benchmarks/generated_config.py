"""A model's configuration that can be changed, and written as ``config.pbtxt``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TYPES: Final = ("FP32", "FP64", "FP16", "INT32", "INT64", "INT8", "UINT8", "UINT16", "BOOL", "STRING")
"""Data types without their prefix; TYPE_BF16 is not one that the local Triton serves."""


@dataclass(frozen=True)
class Tensor:
    """One input or output of a configuration; None leaves a field out."""

    name: str
    data_type: str | None
    dims: tuple[int, ...] | None
    more: str = ""

    def text(self) -> str:
        """Return its part of ``config.pbtxt``."""
        parts = [f'name: "{self.name}"'] if self.name else []
        parts += [f"data_type: {self.data_type}"] if self.data_type else []
        parts += [f"dims: {list(self.dims)}"] if self.dims is not None else []
        return f"{{ {' '.join([*parts, self.more])} }}"


@dataclass(frozen=True)
class Generated:
    """A model with its configuration.

    Attributes:
        kind: ``python`` or ``onnx``.
        head: Backend or platform.
        batch: ``max_batch_size``.
        inputs: Of the configuration.
        outputs: Of the configuration.
        more: Other fields of the configuration.
        model: The model's file: code, or an ONNX model.
        changes: Names of the changes made to a valid one.
        replaced: Texts of the configuration that are replaced at the end.
    """

    kind: str
    head: str
    batch: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    model: bytes
    more: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> str:
        """The whole ``config.pbtxt``."""
        lines = [self.head, f"max_batch_size: {self.batch}" if self.batch else ""]
        lines += [f"input {one.text()}" for one in self.inputs]
        lines += [f"output {one.text()}" for one in self.outputs]
        text = "\n".join([*filter(None, lines), *self.more, ""])
        for old, new in self.replaced.items():
            text = text.replace(old, new, 1)
        return text

    @property
    def files(self) -> dict[str, str | bytes]:
        """Content of the archive by path."""
        return {
            "config.pbtxt": self.config,
            f"1/model.{'py' if self.kind == 'python' else 'onnx'}": self.model,
        }

    @property
    def complete(self) -> bool:
        """Whether it declares inputs and outputs, so that Triton completes none."""
        return bool(self.inputs and self.outputs) and all(one.dims and one.data_type for one in self.inputs)

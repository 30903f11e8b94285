"""A TensorFlow SavedModel's signatures, read from saved_model.pb without its graph.

Source of the fields' numbers: tensorflow/core/protobuf/saved_model.proto and meta_graph.proto, and
tensorflow/core/framework/types.proto, of the TensorFlow repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mme.archives.model_files.content_stream import ContentStream
from mme.archives.model_files.wire import Field, WireError, WireReader, signed
from mme.archives.signature import TensorSpec

SERVING_SIGNATURE: Final = "serving_default"
"""The signature that requests without a name get."""

_TYPES: Final = {
    1: "FP32",
    2: "FP64",
    3: "INT32",
    4: "UINT8",
    5: "INT16",
    6: "INT8",
    7: "BYTES",
    9: "INT64",
    10: "BOOL",
    14: "BF16",
    17: "UINT16",
    19: "FP16",
    22: "UINT32",
    23: "UINT64",
}
_MAX_TENSORS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Signature:
    """One function that a SavedModel serves.

    Attributes:
        inputs: Shapes with the batch dimension; -1 is any size. A shape that is not known is `(-1,)`.
        outputs: As inputs.
    """

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What a saved_model.pb says of itself.

    Attributes:
        signatures: By name.
    """

    signatures: dict[str, Signature] = field(default_factory=dict)

    @property
    def serving(self) -> Signature | None:
        """The signature that requests without a name get; None if there is none."""
        return self.signatures.get(SERVING_SIGNATURE)


def read_saved_model(stream: ContentStream, size: int) -> SavedModel:
    """Read a saved_model.pb; its graph is dropped.

    Args:
        stream: The file.
        size: Of the file, in bytes.

    Raises:
        WireError: It is not a SavedModel, or not all of one.
    """
    reader = WireReader(stream, size)
    signatures: dict[str, Signature] = {}
    graphs = 0
    for part in reader.fields():
        if part.number != 2 or not part.end:
            continue
        graphs += 1
        for each in reader.fields(part.end):
            if each.number == 5:
                name, signature = _signature(reader, each)
                signatures.setdefault(name, signature)
    if not graphs:
        raise WireError
    return SavedModel(signatures)


def _signature(reader: WireReader, part: Field) -> tuple[str, Signature]:
    name, inputs, outputs = "", [], []
    for entry in reader.fields(part.end):
        if entry.number == 1:
            name = reader.text(entry)
        elif entry.number == 2:
            for each in reader.fields(entry.end):
                if each.number == 1:
                    inputs.append(_tensor(reader, each))
                elif each.number == 2:
                    outputs.append(_tensor(reader, each))
    return name, Signature(tuple(_sorted(inputs)), tuple(_sorted(outputs)))


def _sorted(tensors: list[TensorSpec]) -> Iterator[TensorSpec]:
    """Yield tensors by name: the order of a map in the file says nothing."""
    if len(tensors) > _MAX_TENSORS:
        raise WireError
    # The signature's own bookkeeping, which no request has.
    yield from sorted(
        (one for one in tensors if not one.name.startswith("__saved_model")), key=lambda one: one.name
    )


def _tensor(reader: WireReader, part: Field) -> TensorSpec:
    name, datatype = "", ""
    dims: tuple[int, ...] = (-1,)
    for entry in reader.fields(part.end):
        if entry.number == 1:
            name = reader.text(entry)
        elif entry.number == 2:
            for each in reader.fields(entry.end):
                if each.number == 2:
                    datatype = _TYPES.get(each.value, "")
                elif each.number == 3:
                    dims = _shape(reader, each)
    return TensorSpec(name, datatype, dims)


def _shape(reader: WireReader, part: Field) -> tuple[int, ...]:
    sizes = []
    for entry in reader.fields(part.end):
        if entry.number == 3 and entry.value:
            return (-1,)
        if entry.number == 2:
            size = 0
            for each in reader.fields(entry.end):
                if each.number == 1:
                    size = signed(each.value)
            sizes.append(size)
    return tuple(sizes)

"""An ONNX model's tensors, operator sets and external files, read from its graph without its weights.

Source of the fields' numbers and meaning: onnx/onnx.proto3 and docs/ExternalData.md of the ONNX repository.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mme.archives.model_files.content_stream import ContentStream
from mme.archives.model_files.wire import Field, WireError, WireReader, signed

ELEMENT_TYPES: Final = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: "BYTES",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}
"""KServe's names of ONNX's element types; those that are missing here can't be a model's input or output.

Source: onnxruntime_backend, `src/onnxruntime_utils.cc`."""

STANDARD_DOMAINS: Final = (
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.preview",
    "ai.onnx.training",
    "ai.onnx.preview.training",
    "com.microsoft",
    "com.microsoft.experimental",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
    "org.pytorch.aten",
)
"""Operator sets that ONNX Runtime has. Source: onnxruntime, `include/onnxruntime/core/graph/constants.h`."""

_BITS: Final = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64}
_BITS_ELSE: Final = {14: 64, 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4}
_KINDS: Final = {1: "tensor", 4: "sequence", 5: "map", 8: "sparse tensor", 9: "optional"}
_MAX_DEPTH: Final = 20
_MAX_DIMS: Final = 64
_MAX_TENSORS: Final = 10_000
# A node is worth a closer look if it names a domain (field 7), has a body, or has a tensor in another file.
_NOTABLE_NODE: Final = re.compile(rb":[\x01-\x7f]|If|Loop|Scan|SequenceMap|location")


@dataclass(frozen=True, slots=True)
class OnnxTensor:
    """An input or output of a graph.

    Attributes:
        name: As in the graph.
        kind: `tensor`, or what Triton refuses: `sequence`, `map`, `optional`, `sparse tensor`.
        element: ONNX's number of the element type.
        dims: Sizes, -1 for any; None if the graph leaves the shape open.
        symbols: The names of dims of any size; empty where there is none.
    """

    name: str
    kind: str = "tensor"
    element: int = 0
    dims: tuple[int, ...] | None = None
    symbols: tuple[str, ...] = ()

    @property
    def datatype(self) -> str:
        """KServe's name of the element type; empty if Triton has none."""
        return ELEMENT_TYPES.get(self.element, "") if self.kind == "tensor" else ""


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """What a model.onnx says of itself.

    Attributes:
        ir_version: Of the file's format.
        opsets: Version of each operator set that it imports, by domain; the standard one is the empty string.
        inputs: What a request must have.
        overridable: Inputs with a default in the file: a request may have them.
        outputs: All of them.
        external: Files with weights, relative to the model's, and the bytes that each must have.
        custom: Domains of operators that ONNX Runtime does not have.
        producer: The program that wrote it.
    """

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    inputs: tuple[OnnxTensor, ...] = ()
    overridable: tuple[OnnxTensor, ...] = ()
    outputs: tuple[OnnxTensor, ...] = ()
    external: dict[str, int] = field(default_factory=dict)
    custom: tuple[str, ...] = ()
    producer: str = ""

    @property
    def opset(self) -> int:
        """Version of the standard operator set."""
        return max(self.opsets.get("", 0), self.opsets.get("ai.onnx", 0))


def read_onnx(stream: ContentStream, size: int) -> OnnxModel:
    """Read an ONNX model; its weights are dropped.

    Args:
        stream: The file.
        size: Of the file, in bytes.

    Raises:
        WireError: It is not an ONNX model, or not all of one.
    """
    return _Reading(WireReader(stream, size)).model()


class _Reading:
    def __init__(self, reader: WireReader) -> None:
        self._reader = reader
        self._initializers: set[str] = set()
        self._inputs: list[OnnxTensor] = []
        self._outputs: list[OnnxTensor] = []
        self._external: Counter[str] = Counter()
        self._domains: set[str] = set()
        self._own_domains: set[str] = set()

    def model(self) -> OnnxModel:
        ir_version, producer, has_graph = 0, "", False
        opsets: dict[str, int] = {}
        for part in self._reader.fields():
            match part.number:
                case 1:
                    ir_version = part.value
                case 2:
                    producer = self._reader.text(part)
                case 7:
                    has_graph = True
                    self._graph(self._reader, part.end)
                case 8:
                    domain, version = self._opset(part)
                    opsets[domain] = version
                case 25:
                    self._function(part)
        if not has_graph or not ir_version or not opsets:  # ONNX Runtime refuses a file without one of them
            raise WireError
        return OnnxModel(
            ir_version=ir_version,
            opsets=opsets,
            inputs=tuple(one for one in self._inputs if one.name not in self._initializers),
            overridable=tuple(one for one in self._inputs if one.name in self._initializers),
            outputs=tuple(self._outputs),
            external=dict(self._external),
            custom=tuple(sorted(self._domains - {*STANDARD_DOMAINS} - self._own_domains)),
            producer=producer,
        )

    def _opset(self, part: Field) -> tuple[str, int]:
        domain, version = "", 0
        for each in self._reader.fields(part.end):
            if each.number == 1:
                domain = self._reader.text(each)
            elif each.number == 2:
                version = each.value
        return domain, version

    def _function(self, part: Field) -> None:
        for each in self._reader.fields(part.end):
            if each.number == 10:
                self._own_domains.add(self._reader.text(each))
            elif each.number == 7:
                self._node(self._reader, each)

    def _graph(self, reader: WireReader, end: int, depth: int = 0) -> None:
        """Read a graph. Only the outermost one's tensors are the model's."""
        if depth > _MAX_DEPTH:
            raise WireError
        for part in reader.fields(end):
            match part.number:
                case 1:
                    self._node(reader, part, depth)
                case 5:
                    name = self._tensor(reader, part.end)
                    if not depth:
                        self._initializers.add(name)
                case 15:  # a sparse initializer: its values are a tensor with the name
                    for each in reader.fields(part.end):
                        if each.number in (1, 2):
                            name = self._tensor(reader, each.end)
                            if each.number == 1 and not depth:
                                self._initializers.add(name)
                case 11 | 12 if not depth:
                    into = self._inputs if part.number == 11 else self._outputs
                    if len(into) >= _MAX_TENSORS:
                        raise WireError
                    into.append(_value_info(reader, part.end))

    def _node(self, reader: WireReader, part: Field, depth: int = 0) -> None:
        content = reader.content(part)
        if content is None:  # a large constant
            inner, end = reader, part.end
        elif _NOTABLE_NODE.search(content):
            inner, end = WireReader.of(content), len(content)
        else:
            return
        for each in inner.fields(end):
            if each.number == 7:
                self._domains.add(inner.text(each))
            elif each.number == 5:
                self._attribute(inner, each.end, depth)

    def _attribute(self, reader: WireReader, end: int, depth: int) -> None:
        for part in reader.fields(end):
            if part.number in (5, 10):
                self._tensor(reader, part.end)
            elif part.number in (6, 11):
                self._graph(reader, part.end, depth + 1)

    def _tensor(self, reader: WireReader, end: int) -> str:
        """Return a tensor's name; note the file that holds its content."""
        name, element, is_external = "", 0, False
        dims: list[int] = []
        place: dict[str, str] = {}
        for part in reader.fields(end):
            match part.number:
                case 1:
                    dims += _integers(reader, part)
                case 2:
                    element = part.value
                case 8:
                    name = reader.text(part)
                case 13:
                    key, value = _entry(reader, part.end)
                    place[key] = value
                case 14:
                    is_external = part.value == 1
        if is_external:
            bits = _BITS.get(element) or _BITS_ELSE.get(element, 0)
            length = _number(place.get("length"), math.ceil(math.prod(dims) * bits / 8))
            location = place.get("location", "")
            wanted = _number(place.get("offset"), 0) + length
            self._external[location] = max(self._external[location], wanted)
        return name


def _value_info(reader: WireReader, end: int) -> OnnxTensor:
    name, tensor = "", OnnxTensor("", "unknown")
    for part in reader.fields(end):
        if part.number == 1:
            name = reader.text(part)
        elif part.number == 2:
            for kind in reader.fields(part.end):
                if kind.number == 1:
                    tensor = _tensor_type(reader, kind.end)
                elif kind.number in _KINDS:
                    tensor = OnnxTensor("", _KINDS[kind.number])
    return OnnxTensor(name, tensor.kind, tensor.element, tensor.dims, tensor.symbols)


def _tensor_type(reader: WireReader, end: int) -> OnnxTensor:
    element = 0
    shape: list[tuple[int, str]] | None = None
    for part in reader.fields(end):
        if part.number == 1:
            element = part.value
        elif part.number == 2:
            shape = [_dim(reader, one.end) for one in reader.fields(part.end) if one.number == 1]
            if len(shape) > _MAX_DIMS:
                raise WireError
    if shape is None:
        return OnnxTensor("", "tensor", element)
    return OnnxTensor(
        "", "tensor", element, tuple(size for size, _ in shape), tuple(symbol for _, symbol in shape)
    )


def _dim(reader: WireReader, end: int) -> tuple[int, str]:
    size, symbol = -1, ""
    for part in reader.fields(end):
        if part.number == 1:
            # Some exporters write -1 for any size; ONNX Runtime takes it so.
            size = max(-1, signed(part.value))
        elif part.number == 2:
            symbol = reader.text(part)
    return size, symbol


def _entry(reader: WireReader, end: int) -> tuple[str, str]:
    key = value = ""
    for part in reader.fields(end):
        if part.number == 1:
            key = reader.text(part)
        elif part.number == 2:
            value = reader.text(part)
    return key, value


def _integers(reader: WireReader, part: Field) -> Iterator[int]:
    """Yield repeated integers, packed or one a field."""
    if not part.end:
        yield part.value
        return
    yield from WireReader.of(reader.content(part) or b"").varints()


def _number(text: str | None, default: int) -> int:
    """Return a decimal number of external data; a file's size that is none is caught by the default."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else default

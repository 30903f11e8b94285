"""config.pbtxt, parsed as Triton parses it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from mme.archives.signature import TensorSignature, TensorSpec
from mme.archives.triton.schema import load_schema
from mme.errors import shortened
from mme.findings import Finding

CONFIG_FILE: Final = "config.pbtxt"

DEFAULT_MODEL_FILES: Final = {
    "dali": "model.dali",
    "onnxruntime": "model.onnx",
    "openvino": "model.xml",
    "python": "model.py",
    "pytorch": "model.pt",
    "tensorrt": "model.plan",
    "vllm": "model.json",
}
"""File that a version directory must have, by backend. Source: Triton user guide, "Model Repository".

TensorFlow's depends on the platform; backends that are not listed need no fixed name."""

PLATFORM_BACKENDS: Final = {
    "onnxruntime_onnx": "onnxruntime",
    "libtorch": "pytorch",
    "pytorch_libtorch": "pytorch",
    "torch_aoti": "pytorch",
    "tensorflow_graphdef": "tensorflow",
    "tensorflow_savedmodel": "tensorflow",
    "tensorrt_plan": "tensorrt",
}
"""Source: Triton's backend repository, "Backend platform names"."""

_PLATFORM_FILES: Final = {
    "tensorflow_graphdef": "model.graphdef",
    "tensorflow_savedmodel": "model.savedmodel",
    "torch_aoti": "model.pt2",
}

_FOREST_FILES: Final = {
    "xgboost": "xgboost.model",
    "xgboost_json": "xgboost.json",
    "xgboost_ubj": "xgboost.ubj",
    "lightgbm": "model.txt",
    "treelite_checkpoint": "checkpoint.tl",
}
"""What the FIL backend opens, by its parameter model_type. Source: fil_backend, docs/model_config.md."""


_MAX_REASON_CHARS: Final = 300
_PLACEHOLDER: Final = re.compile(rb"\$\{\w{1,60}\}|\{\{[^{}\n]{1,60}\}\}|<\w{1,60}>|\$[A-Za-z]\w{0,60}")
_UNKNOWN_FIELD: Final = re.compile(r'type "inference\.(\w+)" has no field named "(\w{1,60})"')
_UNKNOWN_VALUE: Final = re.compile(r'"inference\.DataType" has no value named "?(\w{1,60})')


@dataclass(frozen=True, slots=True)
class TritonConfig:
    """A parsed config.pbtxt.

    Attributes:
        message: The protobuf message, `inference.ModelConfig`.
        signature: Its tensors.
    """

    message: Any
    signature: TensorSignature

    @property
    def backend(self) -> str:
        """The backend's name, from the platform if only that is given; empty if Triton has to guess."""
        return str(self.message.backend) or PLATFORM_BACKENDS.get(str(self.message.platform), "")

    @property
    def is_ensemble(self) -> bool:
        """Whether the model is a pipeline of other models and has no file of its own."""
        return str(self.message.platform) == "ensemble" or bool(self.message.HasField("ensemble_scheduling"))

    @property
    def model_file(self) -> str | None:
        """The entry that a version directory must have; None if nothing fixed is expected."""
        # `runtime` and per-GPU names change what the backend opens.
        if self.is_ensemble or self.message.runtime or self.message.cc_model_filenames:
            return None
        if self.message.default_model_filename:
            return str(self.message.default_model_filename)
        if self.backend == "fil":
            return _FOREST_FILES.get(self.parameter("model_type") or "xgboost")
        return _PLATFORM_FILES.get(str(self.message.platform)) or DEFAULT_MODEL_FILES.get(self.backend)

    def parameter(self, key: str) -> str | None:
        """Return the string value of one of its parameters, or None."""
        parameters = self.message.parameters
        return str(parameters[key].string_value) if key in parameters else None

    def served_versions(self, present: list[int]) -> list[int]:
        """Return the versions that `version_policy` selects; by default the highest of those present.

        Versions that it names may be absent; `latest` without a number selects none.
        """
        policy = self.message.version_policy
        choice = policy.WhichOneof("policy_choice")
        if choice == "all":
            return sorted(present)
        if choice == "specific":
            return sorted(int(version) for version in policy.specific.versions)
        count = int(policy.latest.num_versions) if choice == "latest" else 1
        return sorted(present)[-count:] if count else []


@lru_cache(maxsize=64)
def parse_config(content: bytes, source: str = CONFIG_FILE) -> TritonConfig | Finding:
    """Parse a config.pbtxt; return the config, or what is wrong with it.

    Many models share a config, so that results are cached: don't change them.

    Args:
        content: The file's bytes.
        source: Its path, for messages.
    """
    from google.protobuf import text_format

    message = load_schema().ModelConfig()
    try:
        text = content.decode("utf-8", "replace")
        text_format.Parse(text, message)
        # Triton reads bytes: what is not UTF-8 breaks a value, not a comment.
        if "\ufffd" in text and "\ufffd" in text_format.MessageToString(message, as_utf8=True):
            content.decode("utf-8")
    except UnicodeDecodeError:
        return _encoding_fault(content, source) or TritonConfig(message, _signature(message))
    except text_format.ParseError as error:
        text = f"{source} is not a Triton model configuration: {_parse_reason(error)}"
        return _encoding_fault(content, source) or Finding.error(
            "config-syntax", text, _syntax_hint(content, text)
        )
    return _tensor_fault(message, source) or TritonConfig(message, _signature(message))


def _tensor_fault(message: Any, source: str) -> Finding | None:
    if unnamed := next(_unnamed_values(message), None):
        text = f"{source} has {unnamed[0]}: {unnamed[1]}; no value of it has this number"
        return Finding.error("config-syntax", text, "write the value's name, such as TYPE_FP32 or KIND_CPU")
    for kind in ("input", "output"):
        if any(not tensor.name for tensor in getattr(message, kind)):
            text = f"an {kind} in {source} has no name; Triton says \"model {kind} must specify 'name'\""
            return Finding.error("config-tensor-name", text, f"give every {kind} a name")
    if message.max_batch_size < 0:
        text = f"max_batch_size is {message.max_batch_size} in {source}; it can't be negative"
        hint = "0 means that the model takes no batch dimension"
        return Finding.error("config-batch-size", text, hint)
    return None


def _unnamed_values(message: Any) -> Iterator[tuple[str, int]]:
    """Yield the fields whose number names no value of their enumeration, which protobuf accepts."""
    for field, value in message.ListFields():
        several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
        for one in (value.values() if hasattr(value, "values") else value) if several else (value,):
            if field.enum_type and one not in field.enum_type.values_by_number:
                yield field.name, one
            elif hasattr(one, "ListFields"):
                yield from _unnamed_values(one)


def _encoding_fault(content: bytes, source: str) -> Finding | None:
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = f"{source} is not UTF-8 text as Triton reads it; it starts with a byte order mark"
        return Finding.error("config-encoding", text, "save it as UTF-8 without BOM")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "it must be a protobuf text file, not a binary one"
        return Finding.error("config-encoding", f"{source} is not UTF-8 text (byte {error.start})", hint)
    return None


def _syntax_hint(content: bytes, reason: str) -> str:
    """Return what to do about a config that protobuf refuses."""
    if content.lstrip().startswith(b"{"):
        return "it is JSON: write protobuf text, without the outer braces and without quotes around names"
    if placeholder := _PLACEHOLDER.search(content):
        line = content.count(b"\n", 0, placeholder.start()) + 1
        return f"fill in the placeholder {placeholder[0].decode('utf-8', 'replace')} in line {line}"
    if field := _UNKNOWN_FIELD.search(reason):
        fields = [known.name for known in load_schema().DESCRIPTOR.message_types_by_name[field[1]].fields]
        if close := get_close_matches(field[2], fields, n=1):
            return f"did you mean {close[0]}?"
    value = _UNKNOWN_VALUE.search(reason)
    if value and (datatype := _close_type(value[1])):
        return f"did you mean {datatype}?"
    return "compare it with Triton's user guide, page Model Configuration"


def _close_type(name: str) -> str | None:
    plain = name.upper().removeprefix("TYPE_")
    wanted = "TYPE_" + {"BYTES": "STRING", "FLOAT32": "FP32", "FLOAT": "FP32"}.get(plain, plain)
    return next(iter(get_close_matches(wanted, load_schema().DataType.keys(), n=1, cutoff=0.8)), None)


def _parse_reason(error: Exception) -> str:
    """Return the reason with its position, from `3:5 : Message type "inference.ModelConfig" has no ...`."""
    text = shortened(str(error), _MAX_REASON_CHARS).rstrip(".")
    position, colon, reason = text.partition(" : ")
    line, _, column = position.partition(":")
    if colon and line.isdigit() and column.isdigit():
        return f"line {line}, column {column}: {reason}"
    return text


def _signature(message: Any) -> TensorSignature:
    return TensorSignature(
        inputs=tuple(_tensor(tensor) for tensor in message.input),
        outputs=tuple(_tensor(tensor) for tensor in message.output),
        max_batch_size=int(message.max_batch_size),
        platform=str(message.platform or message.backend),
    )


def _tensor(tensor: Any) -> TensorSpec:
    # TYPE_STRING of Triton's config is BYTES on the wire (KServe v2); all other names agree.
    name = load_schema().DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return TensorSpec(
        str(tensor.name),
        "BYTES" if name == "STRING" else name,
        tuple(int(dim) for dim in tensor.dims),
        optional=bool(getattr(tensor, "optional", False)),  # outputs have no such field
    )

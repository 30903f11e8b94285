"""Parse a container's error text into a cause and a hint.

Triton's messages are from its sources (`src/sagemaker_server.cc`, `src/core`, `python_backend`) and were
captured from a running server; the framework containers' are those of multi-model-server and of Flask.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mme.client.python_trace import PythonTrace, one_line, read_trace

INSUFFICIENT_STORAGE: Final = 507
"""The status for "out of memory": SageMaker unloads other models and retries.
Source: SageMaker AI guide, `mms-container-apis`."""


class FaultKind(StrEnum):
    """What went wrong in a container."""

    LOAD = "load"
    CODE = "code"
    INPUT = "input"
    MEMORY = "memory"
    UNHEALTHY = "unhealthy"
    TIMEOUT = "timeout"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ContainerFault:
    """The meaning of a container's error text.

    Attributes:
        kind: What went wrong.
        cause: The reason in one line, without the model's name.
        hint: How to fix it, or None if the text does not tell.
        at_load: Whether the model failed to load.
        file: The model's file that raised, relative to the archive, or empty.
        line: Line in the file, or None.
    """

    kind: FaultKind
    cause: str
    hint: str | None = None
    at_load: bool = False
    file: str = ""
    line: int | None = None


def read_fault(original: str, status: int = 0) -> ContainerFault:
    """Parse the error text of a container, or of SageMaker in its place.

    Args:
        original: The answer: `OriginalMessage` of a ModelError, or a line of its log.
        status: HTTP status of the answer; 0 if there is none.
    """
    text, at_load = _without_prefix(_ends(container_message(original)))
    trace = read_trace(text)
    text = _UNPACKED_AT.sub("", text)
    if status == INSUFFICIENT_STORAGE or _NO_MEMORY.search(text):
        return _memory(text, trace, status, at_load)
    if fault := _by_rules(text):
        return replace(fault, at_load=at_load or fault.at_load)
    if trace and trace.of_program:
        kind = FaultKind.LOAD if trace.in_load else FaultKind.CODE
        hint = _PROGRAM_LOADS if trace.in_load else _PROGRAM_ANSWERS
        return ContainerFault(kind, str(trace), hint.format(trace.file), trace.in_load)
    if trace:
        kind = FaultKind.LOAD if at_load else FaultKind.CODE
        return ContainerFault(kind, str(trace), _code_hint(trace), at_load, trace.file, trace.line)
    cause = one_line(text) or "it gave no reason"
    if at_load:
        return ContainerFault(FaultKind.LOAD, cause, _EXPLAIN, at_load=True)
    return ContainerFault(FaultKind.OTHER, cause)


def container_message(original: str) -> str:
    """Return the message in a container's answer.

    Triton wraps them in `{"error": ...}`, multi-model-server in `{"code": ..., "message": ...}`, and
    Flask in a page of HTML.
    """
    text = original.strip()
    if text.startswith("{"):
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            return text
        for key in ("error", "message"):
            if isinstance(answer.get(key), str):
                return str(answer[key]).strip()
    if re.match(r"<(!doctype|html)", text, re.IGNORECASE):
        return ": ".join(filter(None, (_element(text, "title"), _element(text, "p")))) or text
    return text


def _element(page: str, tag: str) -> str:
    """Return the text of the first such element, or an empty string."""
    parts = re.split(rf"</?{tag}>", page, maxsplit=2, flags=re.IGNORECASE)
    return re.sub(r"<[^<>]+>", "", parts[1]).strip() if len(parts) > 2 else ""


def _ends(text: str) -> str:
    """Cut the middle out of a very long text: the reason is near one of its ends."""
    return text if len(text) <= 2 * _END_CHARS else f"{text[:_END_CHARS]}\n{text[-_END_CHARS:]}"


_END_CHARS: Final = 64 * 1024

# No pattern in this file takes quadratic time: a container's text can be anything.
# Where SageMaker, or the local endpoint, unpacks a model: a path that means nothing to its owner.
_UNPACKED_AT = re.compile(r"(?<![^\s'\"(\[{<=:,])[^\s'\"(\[{<=:,]*/models/[0-9a-f]{32,}/model/")
_LOAD_FAILED = re.compile(
    r"load failed for model '[^\n]{0,1200}?': (?:version \d+ is at UNAVAILABLE state: )?", re.DOTALL
)
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[^']+)'")
_STATUS_WORD = re.compile(r"^(?:Internal|Invalid argument|Unavailable|Not found|Unsupported|Unknown): ")
_EXECUTE_FAILED = re.compile(
    r"^Failed to process the request\(s\) for model(?: instance)? '[^']*', message: "
)
_REQUEST_ID = re.compile(r"^\[request id: [^\]]*\] ")


def _without_prefix(text: str) -> tuple[str, bool]:
    """Return the reason without prefixes, and whether the model failed to load."""
    loading = _LOAD_FAILED.search(text)
    at_load = bool(loading) or text.startswith("failed to load '")
    if loading:
        text = text[loading.end() :]
    for prefix in (_STATUS_WORD, _REQUEST_ID, _EXECUTE_FAILED):
        text = prefix.sub("", text)
    # Triton adds a semicolon to the reason of each version.
    return re.sub(r";\s*$", "", text).strip("\n") if at_load else text.rstrip(), at_load


# The texts that Triton itself checks for (SageMakerMMECheckOOMError), and others.
_NO_MEMORY = re.compile(
    r"[Oo]ut [Oo]f [Mm]emory|MemoryError|OutOfMemory|OUT_OF_MEMORY|CU[A-Z]{1,20}_STATUS_ALLOC_FAILED"
    r"|[Ff]ailed to allocate memory|No space left on device"
    r"|bad_alloc|(?:[Uu]nable|[Cc]annot|[Cc]an't) (?:to )?allocate|not enough memory"
    r"|cudaErrorMemoryAllocation|shared memory (?:pool|key)|out of shared memory"
)
_SHARED_MEMORY = re.compile(r"shared memory (?:pool|key|region)|out of shared memory", re.IGNORECASE)

_TOOLKIT_ERROR: Final = "sagemaker_inference.errors.BaseInferenceToolkitError(507, MESSAGE, PHRASE)"
"""The inference toolkit makes 500 of every other error of a model's code."""


def _memory(text: str, trace: PythonTrace | None, status: int, at_load: bool) -> ContainerFault:
    if _SHARED_MEMORY.search(text):
        hint = (
            "python models exchange tensors through /dev/shm, whose size SageMaker sets: send smaller "
            "batches, or load fewer python models"
        )
    elif "No space left on device" in text:
        hint = "the instance's disk or /dev/shm is full: use a larger volume or smaller models"
    elif status != INSUFFICIENT_STORAGE:
        error = _TOOLKIT_ERROR if "sagemaker_inference" in text else "MemoryError"
        hint = (
            f"the container answered {status or 'nothing'} instead of 507, so SageMaker did not unload "
            f"other models: let the model raise {error}, which is answered with 507, or use a larger "
            "instance type"
        )
    elif at_load:
        hint = (
            "it does not fit after other models were unloaded: use a larger instance type or a smaller model"
        )
    else:
        hint = "send a smaller batch or use a larger instance type"
    if trace:
        return ContainerFault(FaultKind.MEMORY, str(trace), hint, at_load, trace.file, trace.line)
    cause = one_line(text) or "the container answered 507, which means out of memory"
    return ContainerFault(FaultKind.MEMORY, cause, hint, at_load)


def _by_rules(text: str) -> ContainerFault | None:
    for kind, rules in _RULES.items():
        for pattern, cause, hint in rules:
            match = re.search(pattern, text, re.DOTALL)
            if match:
                groups = {name: one_line(value) for name, value in match.groupdict().items()}
                groups["names"] = groups.get("names", "").replace("','", ", ")
                groups |= {"text": one_line(text), "batch_hint": _batch_hint(groups)}
                at_load = kind is FaultKind.LOAD or "reason" in groups
                return ContainerFault(kind, cause.format(**groups), hint.format(**groups) or None, at_load)
    return None


def _code_hint(trace: PythonTrace) -> str | None:
    if not trace.file:
        return None
    what = f"fix {trace.file}"
    if module := _NO_MODULE.match(trace.raised):
        package, packed = module["name"].partition(".")[0], "pack an environment that has"
        what = f"{packed} {package} and name it in EXECUTION_ENV_PATH (Triton), or correct {trace.file},"
    return f"{what} and publish it again: mme models add PATH"


def _batch_hint(groups: Mapping[str, str]) -> str:
    wanted, given = groups.get("wanted", ""), groups.get("given", "")
    one_short = wanted.startswith("[-1,") and wanted.count(",") == given.count(",") + 1
    return "put the batch dimension in front: array[numpy.newaxis]" if one_short else ""


_NOT_A_REQUEST: Final = "it is neither KServe v2 JSON nor Triton's binary form"
_SEND_TENSORS: Final = "send tensors with infer(), or mme invoke --input"
_SEND_BYTES: Final = "send bytes of a type that it takes: mme invoke --body FILE, such as rows.csv (text/csv)"
_PROGRAM_LOADS: Final = (
    "the endpoint's program {} loads the file of every model: save it as the program expects and publish it "
    "again, or deploy a corrected program"
)
_PROGRAM_ANSWERS: Final = (
    f"the endpoint's program {{}} reads the requests: {_SEND_BYTES}; or deploy a corrected program"
)
_EXPLAIN: Final = "look at the archive: mme archives explain PATH"

# No model lacks these by its own fault.
_STANDARD_LIBRARY: Final = "|".join(name for name in sorted(sys.stdlib_module_names) if name.startswith("_"))

# Pattern, cause and hint of each kind. Cause and hint take the pattern's groups, and the whole `text`.
_RULES: Final[dict[FaultKind, tuple[tuple[str, str, str], ...]]] = {
    FaultKind.LOAD: (
        (
            r"^Unable to load model: (?P<what>[^\n]{1,500})",
            "its model file can't be loaded: {what}",
            _EXPLAIN,
        ),
        (
            r"doesn't support models with decoupled transaction policy",
            "it is decoupled; SageMaker supports only models that answer once",
            "remove model_transaction_policy from config.pbtxt and publish it again",
        ),
        (
            r"failed to poll from model repository: (?P<what>.{1,2000})",
            "its config.pbtxt can't be read: {what}",
            _EXPLAIN,
        ),
        ("failed to poll from model repository", "its config.pbtxt is missing or can't be read", _EXPLAIN),
        (
            "at least one version must be available",
            "it has no version directory such as 1/",
            "see which container it is for: mme endpoint doctor, or mme archives explain PATH",
        ),
        (
            r"unable to find backend library for backend '(?P<name>[^']*)'",
            "the container has no backend {name}",
            "use an image that has it; the local endpoint has python, onnxruntime and, with torch installed, "
            "pytorch",
        ),
        (
            rf"No module named '(?P<name>{_STANDARD_LIBRARY})'",
            "its Python has no {name}, a part of the standard library",
            "the model is right: run it on another Python, or image",
        ),
        (
            r"has kind KIND_GPU but no GPUs are available",
            "its instance_group requires a GPU; the instance has none",
            "use KIND_AUTO or KIND_CPU in config.pbtxt, or a GPU instance type",
        ),
    ),
    FaultKind.UNHEALTHY: (
        (
            r"Stub process (?:'[^']*'|\S+) is not healthy|[Ww]orker died",
            "the process that runs it has ended",
            "it crashed or was killed, often out of memory: see mme endpoint logs, then publish a fix",
        ),
        (
            r"container ended while it answered",
            "its container ended during the request and restarts",
            "retry; if the container ends again, this request is the cause: mme endpoint logs",
        ),
    ),
    FaultKind.TIMEOUT: (
        (r"(?P<reason>did not load within \d+.*)", "{reason}", "the log has the reason: mme endpoint logs"),
        (
            r"invocation timed out while waiting .{0,300}The limit here is (?P<seconds>[\d.]{1,12}) s",
            "the model did not answer within {seconds} s, this endpoint's limit",
            "send smaller batches, look at the log (mme endpoint logs), or set MME_LOCAL_INVOKE_SECONDS",
        ),
        (
            r"invocation timed out while waiting for a response",
            "the model did not answer within 60 s, SageMaker's limit",
            "send smaller batches, or look at the log: mme endpoint logs",
        ),
        (
            r"could not get a response from the .{0,100} endpoint",
            "its container ended, or its processors or memory are exhausted",
            "retry; if it persists, look at mme endpoint metrics and use more or larger instances",
        ),
    ),
    FaultKind.INPUT: (
        (
            r"Feature size of [\w-]{1,30} inference data (?P<given>\d+) is not consistent with "
            r"feature size of trained model (?P<wanted>\d+)",
            "the rows have {given} columns; the model was trained with {wanted}",
            "send {wanted} columns, in the order of the training and without the label",
        ),
        (
            r"^unexpected shape for input '(?P<name>[^']*)' .*?Expected (?P<wanted>\[[^\[\]]*\]), "
            r"got (?P<given>\[[^\[\]]*\])",
            "input {name} has shape {given}; the model expects {wanted}",
            "{batch_hint}",
        ),
        (
            r"^inference request batch-size must be <= (?P<most>\d+)",
            "the batch is too large: the model accepts at most {most}",
            "send {most} items at a time",
        ),
        (
            r"^inference input '(?P<name>[^']*)' data-type is '(?P<given>\w+)', but model '[^']*' "
            r"expects '(?P<wanted>\w+)'",
            "input {name} is {given}; the model expects {wanted}",
            "send it as {wanted}: datatypes={{'{name}': '{wanted}'}}, or by "
            "mme invoke --input {name}:{wanted}=VALUES",
        ),
        (
            r"^unexpected inference (?P<side>input|output) '(?P<name>[^']*)'",
            "the model has no {side} {name}",
            "",
        ),
        (
            r"^expected \d+ inputs but got .*missing required input\(s\) \['(?P<names>[^\[\]]*)'\]",
            "input {names} is missing",
            "",
        ),
        (
            r"^expected (?P<wanted>\d+) inputs but got (?P<given>\d+) inputs",
            "the model has {wanted} inputs; the request has {given}",
            "",
        ),
        (
            r"^unexpected size for input '|^unexpected additional input data",
            "the request's size does not match its header",
            "",
        ),
        (
            r"^failed to parse the request JSON|^Unable to parse '|^inference header size should be",
            f"{_NOT_A_REQUEST}: {{text}}",
            _SEND_TENSORS,
        ),
        (
            r"^Raw request must only have 1 input",
            f"{_NOT_A_REQUEST}, nor a raw request: those are for models with one input",
            _SEND_TENSORS,
        ),
        (
            r"vnd\.sagemaker-triton.{0,300}(?:not supported|not an accepted)",
            "its container takes bytes, not tensors",
            _SEND_BYTES,
        ),
        (
            r"[Cc]ontent[- ][Tt]ype .{0,300}not supported|[Uu]nsupported ([Cc]ontent[- ][Tt]ype|Media Type)"
            r"|not an accepted ContentType",
            "{text}",
            "set the type of the body: content_type=..., or mme invoke --content-type",
        ),
    ),
}

"""Parse Triton's log lines about models.

Triton's SageMaker server logs the TargetModel when it loads, invokes and unloads a model; its model lifecycle
logs the outcome. Newer versions quote messages and escape line ends, older ones don't. Other lines have only
the model's hash (SageMaker's opaque name).

Source: triton-inference-server/server, `src/sagemaker_server.cc`; triton-inference-server/core,
`src/model_lifecycle.cc`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mme.catalog.triton_log import MODEL_EVENT, MODEL_FAILED, MODEL_LOADED, MODEL_UNLOADED

_LINE: Final = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d\.\d+) "
    r"+\d+ (?P<source>[\w.-]+:\d+)\] ?(?P<text>.*)",
    re.DOTALL,
)
_SERVER: Final = re.compile(MODEL_EVENT)
_LOADED: Final = re.compile(MODEL_LOADED)
_UNLOADED: Final = re.compile(MODEL_UNLOADED)
_FAILED: Final = re.compile(MODEL_FAILED, re.DOTALL)
_HASHED: Final = re.compile(r"(?P<hash>[0-9a-f]{16,64})::(?P<model>[^\s'\":]+)")
_HASH: Final = re.compile(r"/(?P<hash>[0-9a-f]{16,64})(?=[/:'\"\s]|$)")
_REGISTERED: Final = re.compile(r"Model repository registered: \S*?(?P<hash>[0-9a-f]{16,64})$")
_OF_PYTHON: Final = re.compile(r"\.py:\d+$")
_NAME: Final = re.compile(
    r"(?:(?<=[\s'\":(])|^)(?P<model>[^\s'\":()/][^\s'\":()]*?\.tar\.gz)(?=_\d+|[^\w.-]|\.?$|\.\s)"
)


class Verb(StrEnum):
    """Events of a model."""

    LOADING = "loading"
    LOADED = "loaded"
    LOAD_FAILED = "load failed"
    INVOKING = "invoking"
    UNLOADING = "unloading"
    UNLOADED = "unloaded"


_SERVER_VERBS: Final = {"Loading": Verb.LOADING, "Invoking": Verb.INVOKING, "Unloading": Verb.UNLOADING}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a container's log.

    Attributes:
        level: `I`, `W`, `E` or `F`; None for continuation lines and for other containers than Triton.
        clock: Triton's time of day in seconds, finer than CloudWatch's; None without one.
        source: Source file and line of Triton; None without one.
        text: The message, unquoted.
    """

    level: str | None
    clock: float | None
    source: str | None
    text: str


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """An event of one model; `reason` says why a load failed."""

    verb: Verb
    model: str
    clock: float | None
    reason: str = ""


def parse_line(message: str) -> LogLine:
    """Parse a line; a line that is not Triton's becomes text alone."""
    found = _LINE.fullmatch(message.rstrip("\n"))
    if found is None:
        return LogLine(None, None, None, message.rstrip("\n"))
    clock = int(found["hour"]) * 3600 + int(found["minute"]) * 60 + float(found["second"])
    return LogLine(found["level"], clock, found["source"], _unquoted(found["text"]))


def model_event(line: LogLine) -> ModelEvent | None:
    """Return the event that a line reports, or None."""
    if line.source is None:
        return None
    if said := _SERVER.fullmatch(line.text):
        return ModelEvent(_SERVER_VERBS[said["verb"]], said["model"].strip(), line.clock)
    if failed := _FAILED.match(line.text):
        return ModelEvent(Verb.LOAD_FAILED, failed["model"], line.clock, failed["reason"].strip())
    for pattern, verb in ((_LOADED, Verb.LOADED), (_UNLOADED, Verb.UNLOADED)):
        if done := pattern.match(line.text):
            return ModelEvent(verb, done["model"], line.clock)
    return None


class Attribution:
    """Attributes each line of one log stream, in order, to a model.

    A line belongs to the model it names, by TargetModel or by the hash that an earlier line gave it. A
    continuation line, as in a Python traceback, belongs to the model of the line before, and a line that a
    Python model logs itself to the model that was loaded or invoked last: it names none.
    """

    def __init__(self) -> None:
        self._by_hash: dict[str, str] = {}
        self._loading: str | None = None
        self._before: str | None = None
        self._latest: str | None = None

    def model_of(self, line: LogLine) -> str | None:
        """Return the TargetModel of the next line; None for a line about the server itself."""
        if line.source is None:
            return self._before
        self._before = self._named(line)
        return self._before

    def _named(self, line: LogLine) -> str | None:
        if hashed := _HASHED.search(line.text):
            self._by_hash[hashed["hash"]] = hashed["model"]
            return hashed["model"]
        if said := _SERVER.fullmatch(line.text):
            model = said["model"].strip()
            if said["verb"] == "Loading":
                self._loading = model
            if said["verb"] != "Unloading":
                self._latest = model
            return model
        if line.source and _OF_PYTHON.search(line.source):
            return self._latest
        if self._loading and (registered := _REGISTERED.search(line.text)):
            # Follows the line with the TargetModel, before any line with both.
            self._by_hash[registered["hash"]] = self._loading
            self._loading = None
        if (known := _HASH.search(line.text)) and known["hash"] in self._by_hash:
            return self._by_hash[known["hash"]]
        named = _NAME.search(line.text)
        return named["model"] if named else None


def _unquoted(text: str) -> str:
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text.strip()
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    plain = re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
    return plain.strip()

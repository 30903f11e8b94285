"""Find the exception in a Python traceback, and the line of the model's file that raised it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

_MOST_CHARACTERS: Final = 300
# Triton's python backend appends the frames of an exception, innermost first, as `  PATH(LINE): FUNCTION`.
_TRITON_FRAMES = "\n\nAt:\n"
_TRITON_FRAME = re.compile(r"^[^\S\n]+(?P<path>\S.{0,1024})\((?P<line>\d{1,9})\): ", re.MULTILINE)
# Python's own traceback has the innermost frame last.
_TRACEBACK = "Traceback (most recent call last):"
_PYTHON_FRAME = re.compile(r'^[^\S\n]+File "(?P<path>[^"]{1,1024})", line (?P<line>\d{1,9})', re.MULTILINE)
_LOADS: Final = ", in model_fn\n"
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")
_SYNTAX_ERROR = re.compile(r"\((?P<path>[^()\s,]+\.py), line (?P<line>\d{1,9})\)\s*$")

# SageMaker unpacks an archive to /opt/ml/models/HASH/model/.
_IN_ARCHIVE = re.compile(r"/models/[^/]+/model/(?P<file>.+)$")
# The program of all models, in no model's archive. Source: aws/sagemaker-inference-toolkit, `/opt/ml/code`.
_PROGRAM = re.compile(r"^(?!.*/models/[0-9a-f]{32}).*/(?P<file>code/(?:[^/]+/)*[^/]+\.py)$")
_BY_FOLDER = re.compile(r"/(?P<file>(?:code|\d+)/(?:[^/]+/)*[^/]+\.py)$")


@dataclass(frozen=True, slots=True)
class PythonTrace:
    """An exception, and the nearest frame in the model's files.

    Attributes:
        raised: `ZeroDivisionError: division by zero`, in one line.
        file: File relative to the archive, such as `1/model.py`; empty if no frame is in the archive.
        line: Line in that file, or None.
        of_program: Whether the file is the program that the endpoint has for all models.
        in_load: Whether the program's function that loads a model was running.
    """

    raised: str
    file: str = ""
    line: int | None = None
    of_program: bool = False
    in_load: bool = False

    def __str__(self) -> str:
        where = f" ({self.file} line {self.line})" if self.file else ""
        # A SyntaxError names its file and line itself.
        return self.raised if _SYNTAX_ERROR.search(self.raised) else self.raised + where


def read_trace(text: str) -> PythonTrace | None:
    """Return the Python exception in a container's message, or None.

    Args:
        text: The message without the container's prefix.
    """
    if _TRITON_FRAMES in text:
        raised, _, below = text.rpartition(_TRITON_FRAMES)
        return _nearest(raised, _frames(_TRITON_FRAME, below))
    if _TRACEBACK in text:
        trace = text.rpartition(_TRACEBACK)[2]
        lines = [line for line in trace.splitlines() if _RAISED.match(line)]
        if not lines:
            return None
        found = _nearest(lines[-1], _frames(_PYTHON_FRAME, trace)[::-1])
        return replace(found, in_load=found.of_program and _LOADS in trace)
    message = text.strip().removesuffix(";")
    syntax = _SYNTAX_ERROR.search(message)
    if syntax and message.startswith(("SyntaxError", "IndentationError", "TabError")):
        return PythonTrace(one_line(message), syntax["path"], int(syntax["line"]))
    return None


def one_line(text: str) -> str:
    """Return the text in one line, truncated to 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[: _MOST_CHARACTERS - 4].rstrip()} ..."


def _frames(pattern: re.Pattern[str], text: str) -> list[tuple[str, int]]:
    return [(match["path"], int(match["line"])) for match in pattern.finditer(text)]


def _nearest(raised: str, frames: list[tuple[str, int]]) -> PythonTrace:
    for path, line in frames:
        if "-packages/" in path or path.startswith("<"):
            continue
        program = _PROGRAM.search(path)
        found = _IN_ARCHIVE.search(path) or program or _BY_FOLDER.search(path)
        if found:
            return PythonTrace(one_line(raised), found["file"], line, found is program)
    return PythonTrace(one_line(raised))

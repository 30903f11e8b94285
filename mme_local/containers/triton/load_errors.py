"""Triton's error texts with the paths that SageMaker would show, and the cause first."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from mme_local.containers.container import ContainerReply

MODELS_ON_SAGEMAKER: Final = "/opt/ml/models"
"""Where SageMaker unpacks models (triton-inference-server/server, ``sagemaker_server.cc``)."""

_TRACE: Final = "\n\nAt:\n"
_FRAMES: Final = re.compile(r"\n\nAt:\n((?:  [^\n]*\n?)*)")
_OWN_EXCEPTION: Final = "Internal: TritonModelException: "
_MAX_LINES: Final = 3
_POLL_FAILED: Final = "failed to poll from model repository"
_NOT_PARSED: Final = re.compile(r"Error parsing text-format inference\.ModelConfig: (.+)")
_NOT_POLLED: Final = re.compile(r"Poll failed for model directory '[^'\n]*': (.+?)\"?$", re.MULTILINE)


def readable(reply: ContainerReply, folder: Path, log: str = "") -> ContainerReply:
    """Return the error of a load in a few lines, without paths of this machine; Triton's log has the rest.

    Args:
        reply: Triton's answer.
        folder: Of the instance; its ``models`` holds the unpacked models.
        log: What Triton wrote to its log meanwhile: it has the reason of a configuration that can't be read.
    """
    reply = with_sagemaker_paths(reply, folder)
    text = _error(reply)
    if text.endswith(_POLL_FAILED) and (reason := _why_not_polled(log)):
        text = f"{text}: {reason.replace(f'{folder}/models', MODELS_ON_SAGEMAKER)}"
    text = _FRAMES.sub(_nearest, text)
    if _TRACE not in text:
        text = text.replace(_OWN_EXCEPTION, "Invalid argument: ")
    return _answer(reply, _few_lines(text))


def with_sagemaker_paths(reply: ContainerReply, folder: Path) -> ContainerReply:
    """Return an error of Triton with SageMaker's paths in place of this machine's.

    Args:
        reply: Triton's answer.
        folder: Of the instance; its ``models`` holds the unpacked models.
    """
    return _answer(reply, _error(reply).replace(f"{folder}/models", MODELS_ON_SAGEMAKER))


def _error(reply: ContainerReply) -> str:
    """Return Triton's error; empty if the answer has another form."""
    try:
        text = json.loads(reply.body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""


def _answer(reply: ContainerReply, error: str) -> ContainerReply:
    if not error:
        return reply
    body = json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":"))
    return replace(reply, body=body.encode(errors="replace"))


def _why_not_polled(log: str) -> str:
    found = _NOT_PARSED.search(log) or _NOT_POLLED.search(log)
    return found[1].strip() if found else ""


def _nearest(found: re.Match[str]) -> str:
    """Return the frame nearest to the exception that is of the model, in Triton's form."""
    frames = [frame for frame in found[1].splitlines() if MODELS_ON_SAGEMAKER in frame]
    return f"{_TRACE}{frames[0]}\n" if frames else ""


def _few_lines(text: str) -> str:
    """Cut a cause of many lines; the frame stays, and so does Triton's end of a reason."""
    cause, mark, frame = text.partition(_TRACE)
    lines = [line for line in cause.splitlines() if line.strip()]
    most = _MAX_LINES - 2 * bool(mark)
    if len(lines) <= most:
        return text
    end = ";" if cause.rstrip().endswith(";") and not lines[most - 1].endswith(";") else ""
    return "\n".join(lines[:most]) + end + mark + frame

"""Print a model's answer, as a table or as JSON."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mme.console import (
    plain_table,
    print_answer_text,
    print_note,
    print_table,
    size_text,
    standard_error,
    styled,
)

if TYPE_CHECKING:
    from mme.client.datatypes import Array
    from mme.client.multi_model_client import Reply

_SHOWN_VALUES: Final = 12
_SHOWN_ROWS: Final = 10
_TOP: Final = 5
_MANY_CLASSES: Final = 100
_LEVELS: Final = 100
"""Of JSON. Some versions of Python read thousands, and can't write them again."""


class Answer(Protocol):
    """A container's answer: bytes and their content type."""

    @property
    def body(self) -> bytes:
        """The bytes."""

    @property
    def content_type(self) -> str:
        """Their type; may be empty."""


def print_answer(
    model: str, outputs: dict[str, Array], milliseconds: float | None, *, of_picture: bool = False
) -> None:
    """Print a table of the outputs, with the top five of class probabilities.

    Args:
        model: Target model.
        outputs: Output name to array.
        milliseconds: Duration of the call; None if there was no call.
        of_picture: The answer to a picture: long score vectors are then classes too.
    """
    table = plain_table("OUTPUT", "TYPE", "SHAPE", "VALUES")
    for name, array in outputs.items():
        lines = _class_lines(array) if looks_like_classes(array, of_picture=of_picture) else [_values(array)]
        table.add_row(name, _datatype(array), str(list(array.shape)), styled("\n".join(lines), ""))
    print_table(table)
    _print_time(model, milliseconds)


def answer_json(
    asked: str, model: str, endpoint: str, outputs: dict[str, Array], milliseconds: float
) -> dict[str, Any]:
    """Return the whole answer. BYTES are decoded as UTF-8; invalid bytes are replaced.

    Args:
        asked: Target model or alias of the command line.
        model: Target model.
        endpoint: Name of the endpoint.
        outputs: Output name to array.
        milliseconds: Duration of the call.
    """
    from mme.client.files import outputs_json

    return _facts(asked, model, endpoint, milliseconds) | {"outputs": outputs_json(outputs)}


def save_bytes(path: Path, body: bytes, content_type: str) -> None:
    """Save a container's bytes and report it on standard error.

    Args:
        path: The file.
        body: The bytes.
        content_type: Their type; may be empty.

    Raises:
        MmeError: The file can't be written.
    """
    from mme.client.files import not_written

    try:
        path.write_bytes(body)
    except OSError as error:
        raise not_written(path, error) from error
    print_note("saved", f"{path}: {len(body)} bytes of {content_type or 'unknown type'}")


def print_reply(model: str, reply: Answer, milliseconds: float | None) -> None:
    """Print a container's bytes: text to a terminal, anything to a pipe or a file.

    Args:
        model: Target model.
        reply: The container's answer.
        milliseconds: Duration of the call; None if there was no call.
    """
    text = _text(reply)
    if text is not None:
        print_answer_text(text)
    elif sys.stdout.isatty():
        size = size_text(len(reply.body))
        print_note("answer", f"{size} of {reply.content_type or 'unknown type'}; save it: > FILE")
    else:
        sys.stdout.buffer.write(reply.body)
        sys.stdout.buffer.flush()
    _print_time(model, milliseconds)


def _print_time(model: str, milliseconds: float | None) -> None:
    """Print to standard error, which is not piped."""
    if milliseconds is not None:
        standard_error().print(f"{model} answered in {milliseconds:.1f} ms", style="dim")


def body_json(reply: Answer) -> dict[str, Any]:
    """Return a container's bytes: JSON of at most 100 levels parsed, other text as a string, else base64."""
    found: dict[str, Any] = {"content_type": reply.content_type}
    text = _text(reply)
    if text is None:
        return found | {"body_base64": base64.b64encode(reply.body).decode()}
    if reply.content_type.partition(";")[0].strip() == "application/json":
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(text)
            if not _deeper(body, _LEVELS):
                return found | {"body": body}
    return found | {"body": text}


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(one, levels - 1) for one in inside)


def reply_json(asked: str, model: str, endpoint: str, reply: Reply, milliseconds: float) -> dict[str, Any]:
    """Return a container's answer: JSON parsed, other text as a string, anything else in base64.

    Args:
        asked: Target model or alias of the command line.
        model: Target model.
        endpoint: Name of the endpoint.
        reply: The container's answer.
        milliseconds: Duration of the call.
    """
    return _facts(asked, model, endpoint, milliseconds) | {"variant": reply.variant} | body_json(reply)


def _facts(asked: str, model: str, endpoint: str, milliseconds: float) -> dict[str, Any]:
    alias = {} if asked == model else {"alias": asked}
    return {"model": model, **alias, "endpoint": endpoint, "milliseconds": round(milliseconds, 3)}


def _text(reply: Answer) -> str | None:
    """Return the answer as text if its type is text, or if it has no type and is UTF-8."""
    kind = reply.content_type.partition(";")[0].strip().lower()
    if kind and not (
        kind.startswith("text/") or any(word in kind for word in ("json", "csv", "xml", "yaml"))
    ):
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return reply.body.decode()
    return None


def looks_like_classes(array: Array, *, of_picture: bool = False) -> bool:
    """Return whether rows are class probabilities (each sums to 1), or a picture's scores of many classes.

    Args:
        array: An output.
        of_picture: The answer to a picture: long vectors are scores, not embeddings.
    """
    if array.dtype.kind != "f" or array.ndim not in (1, 2) or array.size == 0 or array.shape[-1] < _TOP:
        return False
    rows = array.reshape(-1, array.shape[-1])
    sums_to_one = bool((abs(rows.sum(axis=1) - 1) < 1e-2).all()) and bool((rows >= 0).all())
    return sums_to_one or (of_picture and array.shape[-1] >= _MANY_CLASSES)


def _class_lines(array: Array) -> list[str]:
    rows = array.reshape(-1, array.shape[-1])
    if len(rows) == 1:
        return [f"class {index}: {rows[0][index]:.4f}" for index in _best(rows[0])]
    lines = []
    for number, row in enumerate(rows[:_SHOWN_ROWS]):
        lines.append(f"item {number}: " + ", ".join(f"{index} ({row[index]:.3f})" for index in _best(row)))
    if len(rows) > _SHOWN_ROWS:
        lines.append(f"... {len(rows) - _SHOWN_ROWS} more; --json prints all")
    return lines


def _best(row: Array) -> list[int]:
    best: list[int] = row.argsort(kind="stable")[::-1][:_TOP].tolist()
    return best


def _values(array: Array) -> str:
    flat = array.reshape(-1)[:_SHOWN_VALUES].tolist()
    shown = ", ".join(_value(item) for item in flat)
    return f"{shown}, ... (--json prints all {array.size})" if array.size > _SHOWN_VALUES else shown


def _value(item: Any) -> str:
    if isinstance(item, bytes):
        return json.dumps(item.decode("utf-8", "replace"), ensure_ascii=False)
    return f"{item:g}" if isinstance(item, float) else str(item)


def _datatype(array: Array) -> str:
    from mme.client.datatypes import datatype_of

    return datatype_of(array)

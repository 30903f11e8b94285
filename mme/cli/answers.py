"""A model's answer, for people and for scripts."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from mme.console import plain_table, print_note, print_table, size_text, standard_error

if TYPE_CHECKING:
    from mme.client import Reply
    from mme.client.datatypes import Array

_SHOWN_VALUES: Final = 12
_SHOWN_ROWS: Final = 10
_TOP: Final = 5
_MANY_CLASSES: Final = 100


def print_answer(
    model: str, outputs: dict[str, Array], milliseconds: float | None, *, of_picture: bool = False
) -> None:
    """Prints a table of the outputs; class probabilities as the five likeliest.

    Args:
        model: the TargetModel.
        outputs: arrays by name.
        milliseconds: how long the call took; None for an answer that was there already.
        of_picture: true for the answer to a picture: scores of very many classes are then classes too.
    """
    from rich.text import Text

    table = plain_table("OUTPUT", "TYPE", "SHAPE", "VALUES")
    for name, array in outputs.items():
        lines = _class_lines(array) if looks_like_classes(array, of_picture=of_picture) else [_values(array)]
        cells = (name, _datatype(array), str(list(array.shape)), "\n".join(lines))
        table.add_row(*(Text(cell) for cell in cells))
    print_table(table)
    _print_time(model, milliseconds)


def answer_json(
    asked: str, model: str, endpoint: str, outputs: dict[str, Array], milliseconds: float
) -> dict[str, Any]:
    """The whole answer. BYTES are decoded as UTF-8, with what is none replaced."""
    from mme.client.files import outputs_json

    return _facts(asked, model, endpoint, milliseconds) | {"outputs": outputs_json(outputs)}


def print_reply(model: str, reply: Reply, milliseconds: float | None) -> None:
    """Prints a container's bytes: text to a terminal, anything to a pipe or a file."""
    text = _text(reply)
    if text is not None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    elif sys.stdout.isatty():
        size = size_text(len(reply.body))
        print_note("answer", f"{size} of {reply.content_type or 'no type'}; save it: --output FILE")
    else:
        sys.stdout.buffer.write(reply.body)
        sys.stdout.buffer.flush()
    _print_time(model, milliseconds)


def _print_time(model: str, milliseconds: float | None) -> None:
    """On standard error: not among what is piped on."""
    if milliseconds is not None:
        standard_error().print(f"{model} answered in {milliseconds:.1f} ms", style="dim", markup=False)


def reply_json(asked: str, model: str, endpoint: str, reply: Reply, milliseconds: float) -> dict[str, Any]:
    """A container's bytes: JSON as what it says, other text as text, anything else in base64."""
    facts = _facts(asked, model, endpoint, milliseconds)
    facts |= {"variant": reply.variant, "content_type": reply.content_type}
    text = _text(reply)
    if text is None:
        return facts | {"body_base64": base64.b64encode(reply.body).decode()}
    if reply.content_type.partition(";")[0].strip() == "application/json":
        with contextlib.suppress(ValueError):
            return facts | {"body": json.loads(text)}
    return facts | {"body": text}


def _facts(asked: str, model: str, endpoint: str, milliseconds: float) -> dict[str, Any]:
    alias = {} if asked == model else {"alias": asked}
    return {"model": model, **alias, "endpoint": endpoint, "milliseconds": round(milliseconds, 3)}


def _text(reply: Reply) -> str | None:
    """The answer as text where it says that it is some, or says nothing and is."""
    kind = reply.content_type.partition(";")[0].strip().lower()
    if kind and not (
        kind.startswith("text/") or any(word in kind for word in ("json", "csv", "xml", "yaml"))
    ):
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return reply.body.decode()
    return None


def looks_like_classes(array: Array, *, of_picture: bool = False) -> bool:
    """True for rows of floats that are probabilities (each sums to 1), or a picture's scores of many classes.

    A long vector alone tells nothing: an embedding is one too.
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
        return item.decode("utf-8", "replace")
    return f"{item:g}" if isinstance(item, float) else str(item)


def _datatype(array: Array) -> str:
    from mme.client.datatypes import datatype_of

    return datatype_of(array)

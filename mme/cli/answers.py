"""A model's answer, for people and for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mme.cli.console import plain_table, standard_output

if TYPE_CHECKING:
    from mme.client.datatypes import Array

_SHOWN_VALUES: Final = 12
_SHOWN_ROWS: Final = 10
_TOP: Final = 5
_MANY_CLASSES: Final = 100


def print_answer(
    model: str, outputs: dict[str, Array], milliseconds: float, *, of_picture: bool = False
) -> None:
    """Prints a table of the outputs; class probabilities as the five likeliest.

    Args:
        model: the TargetModel.
        outputs: arrays by name.
        milliseconds: how long the call took.
        of_picture: true for the answer to a picture: scores of very many classes are then classes too.
    """
    table = plain_table("OUTPUT", "TYPE", "SHAPE", "VALUES")
    for name, array in outputs.items():
        lines = _class_lines(array) if looks_like_classes(array, of_picture=of_picture) else [_values(array)]
        table.add_row(name, _datatype(array), str(list(array.shape)), "\n".join(lines))
    console = standard_output()
    console.print(table)
    console.print(f"{model} answered in {milliseconds:.1f} ms", style="dim", markup=False)


def answer_json(model: str, endpoint: str, outputs: dict[str, Array], milliseconds: float) -> dict[str, Any]:
    """The whole answer. BYTES are decoded as UTF-8, with what is none replaced."""
    return {
        "model": model,
        "endpoint": endpoint,
        "milliseconds": round(milliseconds, 3),
        "outputs": {
            name: {"datatype": _datatype(array), "shape": list(array.shape), "data": _data(array)}
            for name, array in outputs.items()
        },
    }


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
    # A bracket would be markup to rich.
    shown = shown.replace("[", r"\[")
    return f"{shown}, ... (--json prints all {array.size})" if array.size > _SHOWN_VALUES else shown


def _value(item: Any) -> str:
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    return f"{item:g}" if isinstance(item, float) else str(item)


def _datatype(array: Array) -> str:
    from mme.client.datatypes import datatype_of

    return datatype_of(array)


def _data(array: Array) -> Any:
    if array.dtype.kind != "O":
        return array.tolist()
    decoded = array.copy()
    decoded.reshape(-1)[:] = [_value(item) for item in array.reshape(-1)]
    return decoded.tolist()

"""How benchmarks print their results: a table, or JSON with `--json`. Ratios are within one run."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Final

AS_JSON: Final = "--json"


def compared(
    what: str, baseline: float, ours: float, unit: str, goal: float | None = None
) -> dict[str, object]:
    """Return a row that compares two values, of which less is better.

    Args:
        what: What was measured.
        baseline: The result of the baseline.
        ours: The result of this toolkit.
        unit: Unit of both.
        goal: How many times better it should be at least.
    """
    ratio = baseline / ours
    return {"": what, "baseline": baseline, "mme": ours, "unit": unit, "times better": ratio, "goal": goal}


def report(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows of the same columns.

    Args:
        title: What the table is about.
        rows: Column to value.
    """
    if AS_JSON in sys.argv[1:]:
        sys.stdout.write(json.dumps({"title": title, "rows": rows}, indent=2) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{title}; Python {platform.python_version()}", box=None, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="right" if column else "left")
    for row in rows:
        table.add_row(*map(_text, row.values()))
    Console().print(table)


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)

"""How the benchmarks of calling and of starting print what they measured."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        what: was measured.
        baseline: its measure the usual way.
        ours: its measure with this toolkit.
        unit: of both.
        goal: how many times better it shall be.
    """

    what: str
    baseline: float
    ours: float
    unit: str
    goal: float

    @property
    def ratio(self) -> float:
        """How many times better it is."""
        return self.baseline / self.ours


def report(title: str, baseline: str, rows: Sequence[Row]) -> None:
    """Prints a table, or JSON where `--json` is given. Medians; ratios within one run."""
    if "--json" in sys.argv[1:]:
        facts = [
            {
                "what": row.what,
                "unit": row.unit,
                "baseline": row.baseline,
                "ours": row.ours,
                "ratio": row.ratio,
                "goal": row.goal,
            }
            for row in rows
        ]
        print(json.dumps({"title": title, "baseline": baseline, "rows": facts}, indent=2))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{title}; Python {platform.python_version()}", box=None, title_justify="left")
    for column in ("", baseline, "mme", "times better", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        table.add_row(
            row.what,
            f"{row.baseline:.3g} {row.unit}",
            f"{row.ours:.3g} {row.unit}",
            f"{row.ratio:.1f}",
            f"{row.goal:g}",
        )
    Console().print(table)

"""How benchmarks print their results."""

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
        what: What was measured.
        baseline: The result of the baseline.
        ours: The result of this toolkit.
        unit: Unit of both.
        goal: The wanted ratio.
    """

    what: str
    baseline: float
    ours: float
    unit: str
    goal: float

    @property
    def ratio(self) -> float:
        """The baseline divided by our value."""
        return self.baseline / self.ours


def report(title: str, baseline: str, rows: Sequence[Row]) -> None:
    """Print a table, or JSON if `--json` is given. Medians; ratios within one run.

    Args:
        title: What the table is about.
        baseline: What the baseline is.
        rows: The comparisons.
    """
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

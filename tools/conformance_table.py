"""The conformance suite's table: the results of a run as markdown and JSON, and in docs/conformance.md.

`pytest tests/conformance --conformance-json run.json && python -m tools.conformance_table run.json` updates
the table in docs/conformance.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
BEGIN: Final = "<!-- written by python -m tools.conformance_table -->"
END: Final = "<!-- end of what it wrote -->"
EVERYWHERE: Final = "local, live"
LOCAL: Final = "local"
ANY_TRITON: Final = "any"
PASSED: Final = "passed"
_HEADS: Final = ("Area", "Case", "Runs", "Triton", "Result")


@dataclass(frozen=True, slots=True)
class Row:
    """One case and its result.

    Attributes:
        case: Its name, as pytest's ``-k`` takes it.
        area: Its group of cases.
        title: What a pass proves.
        runs: `EVERYWHERE`, or `LOCAL` and the reason.
        triton: The versions of Triton that it applies to; `ANY_TRITON` for all.
        result: ``passed``, ``failed``, or ``skipped: `` and the reason.
    """

    case: str
    area: str
    title: str
    runs: str
    triton: str
    result: str = ""

    @property
    def documented(self) -> tuple[str, ...]:
        """Cells that do not depend on a run."""
        return (self.area, self.title, self.runs, self.triton)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite.

    Attributes:
        target: The local endpoint, or the name of an endpoint.
        triton: Its version, or ``unknown``.
        rows: One for each case, in the suite's order.
    """

    target: str
    triton: str
    rows: tuple[Row, ...]

    def dump(self) -> str:
        """Return the run as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def load(cls, text: str) -> Run:
        """Parse JSON that `dump` wrote.

        Raises:
            ValueError: The text is not JSON.
            KeyError: A member is missing.
        """
        found: Mapping[str, Any] = json.loads(text)
        return cls(found["target"], found["triton"], tuple(Row(**row) for row in found["rows"]))

    @property
    def summary(self) -> str:
        """One line: the target, and the number of cases by result."""
        counts = Counter(row.result.split(":")[0] for row in self.rows)
        results = ", ".join(f"{count} {result}" for result, count in counts.items())
        return f"{self.target}, Triton {self.triton}: {results}"


def markdown(run: Run) -> str:
    """Return the summary and the table as GitHub Markdown."""
    lines = [f"{run.summary}.", "", _line(_HEADS), _line(["---"] * len(_HEADS))]
    area = ""
    for row in run.rows:
        shown = row.area if row.area != area else ""
        area = row.area
        lines.append(_line((shown, row.title, row.runs, row.triton, row.result)))
    return "\n".join(lines) + "\n"


def documented(page: str) -> list[tuple[str, ...]]:
    """Return area, title, runs and triton of each row of a page's table.

    Raises:
        ValueError: The page has no table.
    """
    rows, area = [], ""
    for line in _between(page).splitlines():
        # Bars within a cell are escaped.
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != len(_HEADS) or tuple(cells) == _HEADS or set(cells) == {"---"}:
            continue
        area = cells[0] or area
        rows.append((area, *cells[1:-1]))
    return rows


def updated(page: str, run: Run) -> str:
    """Return the page with this run's table.

    Args:
        page: Markdown with the two marker comments.
        run: Results to insert.

    Raises:
        ValueError: The page lacks the markers.
    """
    _between(page)
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{markdown(run)}\n{END}{rest.split(END, 1)[1]}"


def _between(page: str) -> str:
    if BEGIN not in page or END not in page.split(BEGIN, 1)[1]:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    return page.split(BEGIN, 1)[1].split(END, 1)[0]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Update the page from a run; return 2 if either is invalid."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="file that pytest wrote by --conformance-json")
    parser.add_argument("--page", type=Path, default=PAGE, help="page to update (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        run = Run.load(given.run.read_text("utf-8"))
        page = updated(given.page.read_text("utf-8"), run)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    given.page.write_text(page, "utf-8")
    print(f"{given.page}: {run.summary}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

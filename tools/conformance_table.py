"""The conformance suite's table: what a run found, as text, markdown and JSON, and in the documentation.

`pytest tests/conformance --conformance-json run.json && python -m tools.conformance_table run.json` renews
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
    """One case and what came of it.

    Attributes:
        case: its name, as pytest's ``-k`` takes it.
        area: what it is about.
        title: what holds where it passes.
        runs: `EVERYWHERE`, or `LOCAL` and why.
        triton: the versions of Triton that have it; `ANY_TRITON` for all.
        result: ``passed``, ``failed``, or ``skipped: `` and why.
    """

    case: str
    area: str
    title: str
    runs: str
    triton: str
    result: str = ""

    @property
    def documented(self) -> tuple[str, ...]:
        """The cells that the suite decides, whatever a run finds."""
        return (self.area, self.title, self.runs, self.triton)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite.

    Attributes:
        target: what was asked: the local runtime, or an endpoint by name.
        triton: its version, or ``unknown``.
        rows: of every case, in the suite's order.
    """

    target: str
    triton: str
    rows: tuple[Row, ...]

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def load(cls, text: str) -> Run:
        """From JSON. ValueError or KeyError where it is none of ours."""
        found: Mapping[str, Any] = json.loads(text)
        return cls(found["target"], found["triton"], tuple(Row(**row) for row in found["rows"]))

    @property
    def summary(self) -> str:
        """One line: the target, and how many cases ended how."""
        counts = Counter(row.result.split(":")[0] for row in self.rows)
        words = ", ".join(f"{count} {word}" for word, count in counts.items())
        return f"{self.target}, Triton {self.triton}: {words}"


def markdown(run: Run) -> str:
    """The table and its summary, as GitHub shows them."""
    lines = [f"{run.summary}.", "", _line(_HEADS), _line(["---"] * len(_HEADS))]
    area = ""
    for row in run.rows:
        shown = row.area if row.area != area else ""
        area = row.area
        lines.append(_line((shown, row.title, row.runs, row.triton, row.result)))
    return "\n".join(lines) + "\n"


def documented(page: str) -> list[tuple[str, ...]]:
    """Of every row in a page's table: area, title, runs, triton. ValueError where the page has no table."""
    rows, area = [], ""
    for line in _between(page).splitlines():
        # A cell's own bars are written with a backslash.
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != len(_HEADS) or tuple(cells) == _HEADS or set(cells) == {"---"}:
            continue
        area = cells[0] or area
        rows.append((area, *cells[1:-1]))
    return rows


def renewed(page: str, run: Run) -> str:
    """The page with this run's table. ValueError where the page has no place for it."""
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
    """Renew the page from a run; 2 where the run or the page can't be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="what pytest wrote by --conformance-json")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to renew (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        run = Run.load(given.run.read_text("utf-8"))
        page = renewed(given.page.read_text("utf-8"), run)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    given.page.write_text(page, "utf-8")
    print(f"{given.page}: {run.summary}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

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

from tools.markdown import table

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
BEGIN: Final = "<!-- written by python -m tools.conformance_table -->"
END: Final = "<!-- end of what it wrote -->"
EVERYWHERE: Final = "local, live"
LOCAL: Final = "local"
ANY_TRITON: Final = "any"
PASSED: Final = "passed"
TRITON_ONLY: Final = "Triton only"
_NOT_RUN: Final = "not run"
_HEADS: Final = ("Area", "Case", "Runs", "Version of Triton", "Triton", "Multi Model Server")


@dataclass(frozen=True, slots=True)
class Row:
    """One case and its result.

    Attributes:
        case: Its name, as pytest's ``-k`` takes it.
        area: Its group of cases.
        title: What a pass proves.
        runs: `EVERYWHERE`, or `LOCAL` and the reason.
        triton: The versions of Triton that it applies to; `ANY_TRITON` for all.
        mms: How the Multi Model Server differs; `TRITON_ONLY` and what of Triton the case is about; or empty.
        on_triton: ``passed``, ``failed``, ``skipped: `` and the reason, or empty if it did not run there.
        on_mms: The result on the Multi Model Server, likewise.
    """

    case: str
    area: str
    title: str
    runs: str
    triton: str
    mms: str = ""
    on_triton: str = ""
    on_mms: str = ""

    @property
    def documented(self) -> tuple[str, ...]:
        """What does not depend on a run."""
        return (self.area, self.title, self.runs, self.triton, self.mms)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite.

    Attributes:
        target: The local endpoint, or the name of an endpoint.
        triton: Version of its Triton, or ``unknown``; empty if no case ran there.
        mms: Version of its Multi Model Server, likewise.
        rows: One for each case, in the suite's order.
    """

    target: str
    triton: str
    mms: str
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
        rows = tuple(Row(**row) for row in found["rows"])
        return cls(found["target"], found["triton"], found["mms"], rows)

    @property
    def summary(self) -> str:
        """One line: the target, and by container the number of cases by result."""
        containers = {
            f"Triton {self.triton}": [row.on_triton for row in self.rows],
            f"Multi Model Server {self.mms}": [row.on_mms for row in self.rows],
        }
        texts = []
        for container, results in containers.items():
            counts = Counter(result.split(":")[0] for result in results if result)
            if counts:
                found = ", ".join(f"{count} {result}" for result, count in counts.items())
                texts.append(f"{container}: {found}")
        return f"{self.target}, {'; '.join(texts)}"


def markdown(run: Run) -> str:
    """Return the summary and the table as GitHub Markdown."""
    rows, area = [], ""
    for row in run.rows:
        shown = row.area if row.area != area else ""
        area = row.area
        rows.append((shown, row.title, row.runs, row.triton, row.on_triton or _NOT_RUN, _mms_cell(row)))
    return f"{run.summary}.\n\n{table(_HEADS, rows)}\n"


def documented(page: str) -> list[tuple[str, ...]]:
    """Return what does not depend on a run of each row of a page's table.

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
        mms = cells[-1] if cells[-1].startswith(TRITON_ONLY) else cells[-1].partition(": ")[2]
        rows.append((area, *cells[1:4], mms))
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


def _mms_cell(row: Row) -> str:
    if row.mms.startswith(TRITON_ONLY):
        return row.mms
    return ": ".join(filter(None, (row.on_mms or _NOT_RUN, row.mms)))


def _between(page: str) -> str:
    if BEGIN not in page or END not in page.split(BEGIN, 1)[1]:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    return page.split(BEGIN, 1)[1].split(END, 1)[0]


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

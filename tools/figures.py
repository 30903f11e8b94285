"""Print figures of the tree: lines of code, the longest file, and circular imports.

Run it: python -m tools.figures
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("mme", "mme_cdk", "mme_local", "stacks")
MAX_FILE_LINES: Final = 400


def lines_by_part() -> tuple[Counter[str], int, list[tuple[int, str]]]:
    """Count the lines of Python that git tracks.

    Returns:
        Lines by top-level part without tests, lines of tests, and the files above 400 lines.
    """
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    code: Counter[str] = Counter()
    tests = 0
    long = []
    for name in listed.stdout.splitlines():
        count = len((ROOT / name).read_text("utf-8").splitlines())
        if name.startswith("tests/"):
            tests += count
        else:
            code[name.partition("/")[0]] += count
        if count > MAX_FILE_LINES:
            long.append((count, name))
    return code, tests, long


def circles() -> list[set[str]]:
    """Return the groups of modules that import each other, at module level or in a function."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    reached = {module: graph.find_downstream_modules(module) for module in graph.modules}
    found: list[set[str]] = []
    for module in sorted(graph.modules):
        circle = {module} | {other for other in reached[module] if module in reached[other]}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def main() -> None:
    """Print all figures."""
    sys.path.insert(0, str(ROOT / "constructs"))
    code, tests, long = lines_by_part()
    for part, count in code.most_common():
        print(f"{part:16} {count:7,}")  # noqa: T201
    print(f"{'code':16} {code.total():7,}")  # noqa: T201
    print(f"{'tests':16} {tests:7,}")  # noqa: T201
    print(f"files over {MAX_FILE_LINES} lines: {', '.join(name for _, name in long) or 'none'}")  # noqa: T201
    found = circles()
    print(f"import circles: {len(found)}")  # noqa: T201
    for circle in found:
        print("  " + ", ".join(sorted(circle)))  # noqa: T201


if __name__ == "__main__":
    main()

"""The guide to archives names every finding, with the cause and the hint that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from mme.archives.finding_codes import (
    CODES,
    CONFIG_CODES,
    ENSEMBLE_CODES,
    FILE_CODES,
    FRAMEWORK_CODES,
    LAYOUT_CODES,
    MEMBER_CODES,
    VERSION_CODES,
    FindingCode,
)

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "archives.md"
GROUPS = {
    "The file": FILE_CODES,
    "Names and kinds of members": MEMBER_CODES,
    "Layout": LAYOUT_CODES,
    "config.pbtxt": CONFIG_CODES,
    "Versions, files and code": VERSION_CODES,
    "Ensembles": ENSEMBLE_CODES,
    "Other containers": FRAMEWORK_CODES,
}


def table(codes: dict[str, FindingCode]) -> str:
    rows = [f"| `{code}` | {spec.severity} | {spec.cause} | {spec.hint} |" for code, spec in codes.items()]
    return "\n".join(["| code | severity | cause | hint |", "|---|---|---|---|", *rows])


def test_the_tables_are_those_of_the_code() -> None:
    guide = GUIDE.read_text()
    for title, codes in GROUPS.items():
        expected = f"### {title}\n\n{table(codes)}\n"
        assert expected in guide, f"the guide lacks this table:\n{expected}"


def test_no_code_stands_twice_and_none_is_missing() -> None:
    assert sum(len(codes) for codes in GROUPS.values()) == len(CODES)


def test_every_code_is_used() -> None:
    sources = "".join(
        path.read_text() for path in (ROOT / "mme" / "archives").glob("*.py") if path.stem != "finding_codes"
    )
    used = set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)*)"', sources))
    assert set(CODES) <= used

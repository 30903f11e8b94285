"""The codes of all findings, read from the source."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FINDING = re.compile(r'Finding\.(error|warning|note)\(\s*"([a-z0-9-]+)"')


def codes_in_the_source() -> dict[str, str]:
    """Return the severity of every code that `mme.archives` reports; a code has one severity."""
    severities: dict[str, str] = {}
    for path in sorted((ROOT / "mme" / "archives").rglob("*.py")):
        for severity, code in _FINDING.findall(path.read_text("utf-8")):
            assert severities.setdefault(code, severity) == severity, f"{code} has two severities"
    return severities

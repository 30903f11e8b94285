"""Page of the reference for every finding of `mme archives explain`: cause, fix, and what it prints."""

from __future__ import annotations

import io
import re
import textwrap
from typing import Any, Final

from mme.archives.explain import explain
from mme.findings import Finding
from tools.site.reference import ROOT

_SECTION: Final = re.compile(r"^### (?P<title>.+)\n(?P<rows>(?:.*\n)*?)(?=^##|\Z)", re.MULTILINE)
_ROW: Final = re.compile(
    r"^\| `(?P<code>[a-z0-9-]+)` \| (?P<severity>\w+) \| (?P<cause>.+) \| (?P<fix>.+) \|$", re.MULTILINE
)
_COLUMNS: Final = 76


def findings_page() -> str:
    """Return the page: each row of docs/archives.md, with the output for a broken archive of the tests."""
    guide = (ROOT / "docs" / "archives.md").read_text("utf-8")
    shown = _examples()
    parts = [
        "# Findings",
        "`mme archives explain` and `mme models add` report these codes. The page about "
        "[archives](../archives.md#findings) explains severities and layouts.",
    ]
    for section in _SECTION.finditer(guide):
        rows = list(_ROW.finditer(section["rows"]))
        parts += [f"## {section['title']}"] if rows else []
        for row in rows:
            parts += [f"### {row['code']}", f"**{row['severity']}**: {row['cause']}", f"Fix: {row['fix']}"]
            if row["code"] in shown:
                parts.append(f"````text\n{_printed(shown[row['code']])}\n````")
    return "\n\n".join(parts) + "\n"


def _examples() -> dict[str, Finding]:
    """Return a finding of each code that a broken archive of the tests causes."""
    from tests.archives.broken_configs import CONFIGS
    from tests.archives.broken_elsewhere import CONTAINERS, WITH_AN_ENDPOINT
    from tests.archives.broken_files import FILES
    from tests.archives.broken_layouts import LAYOUTS
    from tests.archives.broken_onnx import ONNX

    archives: list[tuple[bytes, dict[str, Any], str]] = [
        (content, {}, code) for content, code, _ in (FILES | LAYOUTS | CONFIGS | CONTAINERS | ONNX).values()
    ]
    archives += [(content, options, code) for content, options, code, _ in WITH_AN_ENDPOINT.values()]
    found: dict[str, Finding] = {}
    for content, options, code in archives:
        if code not in found:
            found |= {
                one.code: one for one in explain(io.BytesIO(content), **options).findings if one.code == code
            }
    return found


def _printed(finding: Finding) -> str:
    """Return a finding as the command prints it."""
    head, *more = textwrap.wrap(f"{finding.severity} {finding.message}", _COLUMNS)
    lines = [*more, f"[{finding.code}]", *textwrap.wrap(finding.hint, _COLUMNS)]
    return "\n".join([head, *(f"      {line}" for line in lines)])

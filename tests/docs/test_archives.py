"""docs/archives.md lists every finding with its severity."""

from __future__ import annotations

import re

from tests.archives.finding_codes import ROOT, codes_in_the_source

_ROW = re.compile(
    r"^\| `(?P<code>[a-z0-9-]+)` \| (?P<severity>error|warning|note) \| .+ \| .+ \|$", re.MULTILINE
)


def test_the_guide_names_every_finding_with_its_severity() -> None:
    rows = _ROW.findall((ROOT / "docs" / "archives.md").read_text("utf-8"))
    assert len(rows) == len(dict(rows)), "a code has two rows"
    assert dict(rows) == codes_in_the_source()

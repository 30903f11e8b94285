"""What the rules would count of a real Triton's lines; how CloudWatch reads fields is unverified."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mme_cdk.monitoring.contributor_rules import CONTRIBUTOR_RULES

LINES = (Path(__file__).parents[2] / "operate" / "triton_logs" / "quiet.log").read_text("utf-8").splitlines()
UNQUOTED = [re.sub(r'\] "(.*)"$', r"] \1", line).replace(r"\n", "") for line in LINES]
JOINED = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def fields(line: str, *, quotes_join: bool) -> list[str]:
    """A line's fields, with a quoted text as one of them or not."""
    return [a or b for a, b in JOINED.findall(line)] if quotes_join else line.split()


def counted(lines: list[str], *, quotes_join: bool) -> Counter[str]:
    """Contributors of all rules together."""
    found: Counter[str] = Counter()
    for rule in CONTRIBUTOR_RULES:
        body: dict[str, Any] = json.loads(rule.body("/aws/sagemaker/Endpoints/mme"))
        assert body["LogFormat"] == "CLF"
        assert body["AggregateOn"] == "Count"
        for line in lines:
            parts = fields(line, quotes_join=quotes_join)
            named = {
                name: parts[int(number) - 1]
                for number, name in body["Fields"].items()
                if int(number) <= len(parts)
            }
            if all(_passes(one, named) for one in body["Contribution"]["Filters"]):
                found[named[body["Contribution"]["Keys"][0]]] += 1
    return found


def _passes(one: dict[str, Any], named: dict[str, str]) -> bool:
    value = named.get(one["Match"])
    if value is None:
        return False
    return value in one["In"] if "In" in one else value.startswith(tuple(one["StartsWith"]))


@pytest.mark.parametrize("quotes_join", [True, False])
@pytest.mark.parametrize("lines", [LINES, UNQUOTED], ids=["quoted", "unquoted"])
def test_each_call_is_counted_once_for_its_model(lines: list[str], quotes_join: bool) -> None:
    found = counted(lines, quotes_join=quotes_join)
    assert sorted(found.values()) == [1, 5]
    busiest = found.most_common(1)[0][0]
    assert "alpha_v0.tar.gz" in busiest

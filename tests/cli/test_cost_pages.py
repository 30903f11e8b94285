"""The blocks of docs/cost.md and docs/hosting.md run and print what the pages show."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from mme.catalog.hosting_options import hosting_options
from mme.catalog.prices import parse_prices
from mme.catalog.records import record
from tests.cli.test_cost import _credentials, price_list_api

__all__ = ["_credentials", "price_list_api"]

ROOT = Path(__file__).parents[2]
COST, HOSTING = ((ROOT / "docs" / name).read_text("utf-8") for name in ("cost.md", "hosting.md"))
BLOCKS = [
    block.strip().splitlines()
    for page in (COST, HOSTING)
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
]


@pytest.fixture(autouse=True)
def _synthesized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cdk.out` in the working directory, with the templates of this repository's environments."""
    monkeypatch.chdir(tmp_path)
    artifacts = {}
    for environment in ("local", "dev", "staging", "prod"):
        folder = tmp_path / "cdk.out" / environment
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "tests" / "snapshots" / f"{environment}-Serving.json", folder / "t.json")
        stack = {
            "type": "aws:cloudformation:stack",
            "displayName": f"{environment}/Serving",
            "properties": {"templateFile": "t.json", "stackName": f"mme-{environment}-serving"},
        }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": {"Serving": stack}}))
        nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": environment}}
        artifacts[environment] = nested
    (tmp_path / "cdk.out" / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[0])
def test_a_block_prints_what_the_page_shows(block, mme, tmp_path, price_list_api) -> None:
    command, *shown = block
    ran = mme(*shlex.split(command.removeprefix("$ mme ")))
    assert ran.status == 0, ran.err
    rows = [row.replace(str(tmp_path / "data"), "~/.local/share") for row in ran.rows]
    assert [line for line in (" ".join(line.split()) for line in shown) if line not in rows] == []


def test_the_pages_have_blocks() -> None:
    assert len(BLOCKS) >= 4


def test_the_table_of_limits_is_the_catalogs() -> None:
    for option in hosting_options().values():
        limits = "; ".join(limit.text for limit in option.limits)
        assert f"| `{option.name}`: {option.title} | {limits} |" in HOSTING
    assert record("hosting_options")["date"] in HOSTING


def test_the_price_file_of_the_page_is_one() -> None:
    (content,) = re.findall(r"```json\n(.*?)```", COST, re.DOTALL)
    assert dict(parse_prices(json.loads(content), "cost.md"))
    (group,) = record("prices")["prices"]
    assert f"{len(group['usd_per_hour'])} types of {group['region']}" in COST

"""The arrows of the architecture page are those that import-linter enforces."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise, product
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def drawn() -> set[tuple[str, str]]:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (block,) = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    arrows: set[tuple[str, str]] = set()
    for line in block.splitlines():
        if "-->" in line:
            above, below = ([name.strip() for name in side.split("&")] for side in line.split("-->"))
            arrows |= set(product(above, below))
    return arrows


def layers(contract: dict[str, list[str]]) -> list[list[str]]:
    """The layers of a contract, from the top, with the full names of their modules."""
    (container,) = contract.get("containers", [""])
    return [
        [f"{container}.{name}".lstrip(".") for name in re.split(r"\s*[:|]\s*", layer)]
        for layer in contract["layers"]
    ]


def test_the_drawn_arrows_are_the_enforced_ones() -> None:
    deployment, toolkit = (layers(one) for one in CONTRACTS if one["type"] == "layers")
    (local,) = (
        one for one in CONTRACTS if one["type"] == "forbidden" and one["source_modules"] == ["mme_local"]
    )
    enforced = {
        arrow for each in (deployment[:-1], toolkit) for pair in pairwise(each) for arrow in product(*pair)
    }
    allowed = [[name for name in layer if name not in local["forbidden_modules"]] for layer in toolkit]
    enforced |= {("mme_local", name) for name in next(layer for layer in allowed if layer)}
    assert drawn() == enforced


def test_every_package_is_in_the_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    parts = [f"`mme/{path.name}/`" for path in (ROOT / "mme").iterdir() if (path / "__init__.py").exists()]
    parts += [f"`mme/{path.name}`" for path in (ROOT / "mme").glob("[a-z]*.py")]
    assert [part for part in parts if part not in page] == []

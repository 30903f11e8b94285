"""The arrows of the architecture page are those that import-linter enforces."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise, product
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")

Arrows = set[tuple[str, str]]


def drawings() -> list[Arrows]:
    """The arrows of each Mermaid drawing of the page."""
    found = []
    for block in re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL):
        arrows: Arrows = set()
        for line in block.splitlines():
            if "-->" in line:
                above, below = ([name.strip() for name in side.split("&")] for side in line.split("-->"))
                arrows |= set(product(above, below))
        found.append(arrows)
    return found


def layers(contract: dict[str, list[str]], container: str = "") -> list[list[str]]:
    """The layers of a contract, from the top, with the names of their modules but `__main__`."""
    split = [re.split(r"\s*[:|]\s*", layer) for layer in contract["layers"]]
    return [[f"{container}{name}" for name in layer if name != "__main__"] for layer in split]


def between(found: list[list[str]]) -> Arrows:
    return {arrow for pair in pairwise(found) for arrow in product(*pair)}


def test_the_drawn_arrows_are_the_enforced_ones() -> None:
    deployment, constructs, toolkit, planning, local = (one for one in CONTRACTS if one["type"] == "layers")
    (allowed,) = (
        one for one in CONTRACTS if one["type"] == "forbidden" and one["source_modules"] == ["mme_local"]
    )
    tools = layers(toolkit, "mme.")
    usable = [[name for name in layer if name not in allowed["forbidden_modules"]] for layer in tools]
    parts, inside_constructs, inside_planning, inside_local = drawings()
    assert parts == (
        between(layers(deployment)[:-1])
        | between(tools)
        | {("mme_local", name) for name in next(layer for layer in usable if layer)}
    )
    assert inside_constructs == between(layers(constructs))
    assert inside_planning == between(layers(planning))
    assert inside_local == between(layers(local))


def test_every_package_is_in_the_table() -> None:
    parts = [f"`mme/{path.name}/`" for path in (ROOT / "mme").iterdir() if (path / "__init__.py").exists()]
    parts += [f"`mme/{path.name}`" for path in (ROOT / "mme").glob("[a-z]*.py")]
    assert [part for part in parts if part not in PAGE] == []

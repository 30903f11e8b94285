"""The worked example of docs/planning.md runs as it is printed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mme.cli.main import app
from mme.client import EndpointMap, MultiEndpointClient
from mme.plan.models.assumptions import Assumptions
from tools.planning_example import prepare

PAGE = (Path(__file__).parents[3] / "docs" / "planning.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    ran = CliRunner().invoke(app, prepare(tmp_path)[1:])
    assert ran.exit_code == 0, ran.output
    (shown,) = [text for kind, text in BLOCKS if kind == "text"]
    assert words(ran.stdout) == words(shown)
    space: dict[str, dict[str, object]] = {}
    _, setting = (text for kind, text in BLOCKS if kind == "python")
    exec(compile(setting, "planning.md", "exec"), space)  # noqa: S102 - the page's own code
    count, kind = space["setting"]["instance_count"], space["setting"]["instance_type"]
    assert f"best {count} x {kind} in" in ran.stdout


def test_the_settings_are_fields_of_an_environment() -> None:
    from stacks.environments import Environment

    assert {"instance_type", "instance_count"} <= {one.name for one in dataclasses.fields(Environment)}


def test_each_assumption_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([\d., ]+) \|", PAGE, re.MULTILINE)
    documented = {
        name.strip("`"): float(value)
        for names, values in rows
        for name, value in zip(names.split(", "), values.split(", "), strict=True)
    }
    assert documented == {one.name: one.default for one in dataclasses.fields(Assumptions)}


def test_the_code_of_the_scaling_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    found = EndpointMap.numbered("mme-prod", 4)
    found.write(Path("endpoints.json"), [], {})
    space: dict[str, MultiEndpointClient] = {}
    exec(compile(code, "scaling.md", "exec"), space)  # noqa: S102
    name = "tenant-001/churn@prod"
    assert space["client"].client_of(name).endpoint_name == found.endpoint_of(name)

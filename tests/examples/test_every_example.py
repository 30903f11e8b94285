"""Every example is small, documented, without findings, and runs as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, Example, synthesize

NAMES = sorted(file.parent.name for file in EXAMPLES.glob("*/app.py"))


def test_all_are_here() -> None:
    shown = {"minimal", "multi_tenant", "cpu_xgboost", "serial_pipeline", "locked_down", "asynchronous"}
    assert shown <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_aws_solutions_finds_nothing(name: str, example: Callable[[str], Example]) -> None:
    assert example(name).findings == ()


@pytest.mark.parametrize("name", ["minimal", "multi_tenant", "locked_down"])
def test_aws_solutions_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_cdk._internal.acknowledgements._acknowledge_findings", lambda *_: None)
    assert "AwsSolutions-IAM5[Resource::*]" in synthesize(EXAMPLES / name / "app.py", tmp_path).findings


@pytest.mark.parametrize("name", NAMES)
def test_examples_acknowledge_no_findings(name: str) -> None:
    """Every exception is a construct's, with its reason there: an example that needs one is no example."""
    assert "cknowledge" not in (EXAMPLES / name / "app.py").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_complete(name: str) -> None:
    folder = EXAMPLES / name
    assert len((folder / "app.py").read_text("utf-8").splitlines()) <= 120
    assert json.loads((folder / "cdk.json").read_text("utf-8"))["app"] == "python app.py"
    readme = (folder / "README.md").read_text("utf-8")
    for part in ("**Shows**", "**Run**", "**Note.**"):
        assert part in readme
    assert f"]({name}/README.md)" in (EXAMPLES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_stacks_that_exist(name: str, example: Callable[[str], Example]) -> None:
    readme = (EXAMPLES / name / "README.md").read_text("utf-8")
    named = re.findall(r"--stack (\w+)|cdk deploy ([\w-]+)", readme)
    for stack in {found for pair in named for found in pair if found}:
        assert (example(name).folder / f"{stack}.template.json").exists(), stack


@pytest.mark.parametrize("name", [name for name in NAMES if name != "github_actions"])
def test_the_toolkit_finds_its_way(name: str, example: Callable[[str], Example]) -> None:
    templates = [json.loads(file.read_text("utf-8")) for file in example(name).folder.glob("*.template.json")]
    (serving,) = [template for template in templates if "EndpointName" in template.get("Outputs", {})]
    assert {"EndpointName", "ModelBucketName", "ModelPrefix"} <= set(serving["Outputs"])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "minimal" else pytest.mark.nightly)
        for name in NAMES
    ],
)
def test_it_runs_by_itself(name: str, tmp_path: Path) -> None:
    """With CDK's own validation, from its folder, and nothing of this checkout but the installed packages."""
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=EXAMPLES / name,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(tmp_path),
            "CDK_OUTDIR": str(tmp_path / "out"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list((tmp_path / "out").glob("*.template.json"))

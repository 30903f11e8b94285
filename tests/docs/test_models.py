"""The page of models: what it says of each kind of model file runs, if its packages are installed."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mme.cli.main import app
from tests.mme_local.containers.mms.conftest import cpu_runtime as runtime  # noqa: F401
from tests.mme_local.containers.mms.sources import XGBOOST
from tests.mme_local.deployed import Endpoint, Runtime

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
IMAGES = {"XGBoost": XGBOOST}
"""Of the endpoint, where it is not Triton's."""


def blocks(section: str, language: str) -> str:
    return "".join(re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL))


def missing(code: str) -> list[str]:
    """The packages that a block imports and that are not installed."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in found]
    return [name for name in (one.partition(".")[0] for one in names) if find_spec(name) is None]


def test_the_page_begins_with_the_kinds_of_files() -> None:
    assert PAGE.index("## I have a model file") < PAGE.index("## New models")
    kinds = ["ONNX", "scikit-learn", "XGBoost", "LightGBM", "PyTorch", "TensorFlow", "MLflow"]
    assert list(SECTIONS) == kinds


def name_made(section: str) -> str:
    (name,) = re.findall(r"^\$ mme models new (\w+) ", blocks(section, "console"), re.MULTILINE)
    return str(name)


def test_one_directory_can_hold_all_examples() -> None:
    models = [name_made(section) for section in SECTIONS]
    saved = re.findall(r'"(iris\w+)"', "".join(blocks(section, "python") for section in SECTIONS))
    assert saved
    assert len({*models, *saved}) == len(models) + len(saved)


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.timeout(300)
@pytest.mark.parametrize("section", SECTIONS)
def test_a_model_file_is_published_and_answers(
    section: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = blocks(section, "python")
    if absent := missing(code):
        pytest.skip(f"{', '.join(absent)} is not installed")
    if "lightgbm" in code:
        request.getfixturevalue("lightgbm")
    running: Runtime = request.getfixturevalue("runtime")
    endpoint = Endpoint(running, image=IMAGES[section]) if section in IMAGES else Endpoint(running)
    for name, value in {
        "MME_ENDPOINT_URL": running.state.url,
        "MME_ENDPOINT_NAME": endpoint.name,
        "MME_BUCKET": endpoint.bucket,
        "MME_PREFIX": "models/",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/models.md", "exec"), {})  # noqa: S102
    lines = re.findall(r"^\$ mme (.+)$", blocks(section, "console"), re.MULTILINE)
    for line in lines:
        ran = CliRunner().invoke(app, shlex.split(line))
        assert ran.exception is None, (line, ran.exception, ran.output)
    assert lines[-1].startswith(f"invoke {name_made(section)} ")
    assert ran.stdout.strip()
    endpoint.delete()

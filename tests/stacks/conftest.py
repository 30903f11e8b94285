from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from stacks.application import build, synthesize

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """The feature flags of cdk.json."""
    content: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text("utf-8"))
    return dict(content["context"])


@pytest.fixture
def app(context: dict[str, Any], tmp_path: Path) -> App:
    return App(
        context=context,
        outdir=str(tmp_path / "out"),
        analytics_reporting=False,
    )


@dataclass(frozen=True)
class Assembly:
    """Every environment, synthesized once under AwsSolutions."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("assembly-*/*.template.json"))

    def template(self, environment: str, stack: str) -> dict[str, Any]:
        (file,) = (self.folder / f"assembly-{environment}").glob(f"{environment}{stack}*.template.json")
        template: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return template

    def manifest(self, environment: str) -> dict[str, Any]:
        file = self.folder / f"assembly-{environment}" / "manifest.json"
        return dict(json.loads(file.read_text("utf-8"))["artifacts"])


@pytest.fixture(scope="session")
def assembly(context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    app = App(
        context=context,
        outdir=str(tmp_path_factory.mktemp("assembly")),
        analytics_reporting=False,
    )
    return Assembly(synthesize(build(app)))

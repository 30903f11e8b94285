"""The example apps, each synthesized once in this process with AwsSolutions."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    """What one app.py synthesized.

    Attributes:
        folder: the cloud assembly.
        findings: Unacknowledged findings of AwsSolutions and other checks.
    """

    folder: Path
    findings: tuple[str, ...]

    def template(self, stack: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{stack}.template.json").read_text("utf-8"))
        return found

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by logical id."""
        every: dict[str, dict[str, Any]] = self.template(stack)["Resources"]
        return {id: found["Properties"] for id, found in every.items() if found["Type"] == kind}

    def one(self, stack: str, kind: str) -> dict[str, Any]:
        """The properties of the only resource of a type."""
        (found,) = self.resources(stack, kind).values()
        return found

    def statements(self, stack: str, role: str) -> list[dict[str, Any]]:
        """What the policies say that are attached to the role whose logical id begins so."""
        return [
            statement
            for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
            for policy in self.resources(stack, kind).values()
            for attached in policy["Roles"]
            if attached["Ref"].startswith(role)
            for statement in policy["PolicyDocument"]["Statement"]
        ]


def synthesize(app_file: Path, folder: Path) -> Example:
    """Run an app.py as it stands, but for where it writes and for CDK's own validation, which is slow.

    The real CDK CLI pays that validation in the slow tests.
    """
    context = json.loads((app_file.parent / "cdk.json").read_text("utf-8"))["context"]
    make = aws_cdk.App
    made = []

    def app() -> aws_cdk.App:
        made.append(
            make(
                context=context,
                outdir=str(folder),
                analytics_reporting=False,
            )
        )
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_cdk, "App", app)
        try:
            runpy.run_path(str(app_file), run_name="__main__")
        except RuntimeError as error:
            # Outside the CDK CLI a finding raises; the report is written all the same.
            if "ValidationFailed" not in str(error):
                raise
    assert len(made) == 1, f"{app_file} makes no app"
    report = json.loads((folder / "validation-report.json").read_text("utf-8"))
    findings = [
        violation["ruleName"] for check in report["pluginReports"] for violation in check["violations"]
    ]
    return Example(folder, tuple(findings))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """`example("minimal")`: synthesized when first asked for."""

    @cache
    def synthesized(name: str) -> Example:
        return synthesize(EXAMPLES / name / "app.py", tmp_path_factory.mktemp(name))

    return synthesized

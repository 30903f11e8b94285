"""The CDK app: a stage per environment, checked by cdk-nag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from mme.errors import MmeError
from stacks.environments import ENVIRONMENTS, Environment, selected
from stacks.stage import MmeStage


def build(app: App, environments: tuple[Environment, ...] = ENVIRONMENTS) -> App:
    """Fill the app with the environment that the context key `env` names, or with all of them.

    Every synthesis runs the AwsSolutions pack and fails on a finding that no construct acknowledges.

    Raises:
        MmeError: no environment has that name.
        PropsError: an environment's settings cannot work.
    """
    for environment in selected(app.node.try_get_context("env"), environments):
        MmeStage(app, environment=environment)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def synthesize(app: App) -> Path:
    """Write the cloud assembly and return its folder.

    Raises:
        MmeError: a validation plugin found something. jsii runs the checks in a process of its own, whose
            exit status the CDK CLI never sees: without this, a finding would be printed and deployed.
    """
    folder = Path(app.synth().directory)
    report = folder / "validation-report.json"
    findings = _findings(json.loads(report.read_text("utf-8"))) if report.exists() else []
    if findings:
        raise MmeError(
            "\n  ".join([f"synthesis found {len(findings)} faults, all of them in {report}", *findings])
        )
    return folder


def _findings(report: dict[str, Any]) -> list[str]:
    """A line for each violation of each check that failed."""
    return [
        f"{violation['ruleName']}: {violation['description']} "
        f"({', '.join(where['constructPath'] for where in violation['violatingConstructs'])})"
        for check in report["pluginReports"]
        if check["conclusion"] == "failure"
        for violation in check["violations"]
        if violation.get("severity") == "error"
    ]

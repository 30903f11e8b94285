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

_TREE_FAULTS = "Validation failed with the following errors:"
"""First line of CDK's message about faults that constructs find at synth."""


def build(app: App, environments: tuple[Environment, ...] = ENVIRONMENTS) -> App:
    """Define the environment that the context key `env` names, or all of them.

    Every synthesis runs the AwsSolutions pack and fails on findings that are not acknowledged.

    Args:
        app: The app.
        environments: Default: those of `stacks/environments.py`.

    Raises:
        MmeError: No environment has that name.
        PropsError: Settings of an environment that cannot work.
    """
    for environment in selected(app.node.try_get_context("env"), environments):
        MmeStage(app, environment=environment)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def synthesize(app: App) -> Path:
    """Write the cloud assembly and return its folder.

    Raises:
        MmeError: Faults of constructs, or findings of validation plugins. The CDK CLI reports findings for
            selected stacks only: with every stack in a stage, a plain `cdk synth` selects none and would
            succeed. Without the CLI, CDK raises the findings with a stack trace.
    """
    report = Path(app.outdir) / "validation-report.json"
    try:
        app.synth()
    except RuntimeError as error:
        # Faults of constructs stop CDK before it writes a report: an existing report is older.
        faults = str(error).partition(_TREE_FAULTS)[2].rstrip()
        if faults:
            raise MmeError(f"synthesis found faults:{faults}") from None  # each says its fix
        findings = _findings(report)
        if not findings:
            raise
    else:
        findings = _findings(report)
    if findings:
        raise MmeError(
            "\n  ".join([f"synthesis found faults; the whole report is {report}:", *findings]),
            hint="fix them, or acknowledge a rule: Validations.of(construct).acknowledge(...)",
        )
    return Path(app.outdir)


def _findings(report: Path) -> list[str]:
    """Return a line for each error of each failed check."""
    if not report.exists():
        return []
    checks: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["pluginReports"]
    return [
        f"{violation['ruleName']}: {violation['description']} "
        f"({', '.join(where['constructPath'] for where in violation['violatingConstructs'])})"
        for check in checks
        if check["conclusion"] == "failure"
        for violation in check["violations"]
        if violation.get("severity") == "error"
    ]

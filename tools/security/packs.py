"""Findings of cdk-nag's packs in an app, and which of them are acknowledged."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import aws_cdk
import cdk_nag
from aws_cdk import App, Validations

# Class and file of each pack, by the prefix of its findings.
PACKS: Final[Mapping[str, tuple[type[cdk_nag.NagPack], str]]] = {
    "AwsSolutions": (cdk_nag.AwsSolutionsChecks, "aws-solutions"),
    "HIPAA.Security": (cdk_nag.HIPAASecurityChecks, "hipaa-security"),
    "NIST.800.53.R5": (cdk_nag.NIST80053R5Checks, "nist-800-53-r5"),
    "PCI.DSS.321": (cdk_nag.PCIDSS321Checks, "pci-dss-321"),
    "Serverless": (cdk_nag.ServerlessChecks, "serverless"),
}


@dataclass(frozen=True, order=True)
class Finding:
    """A rule, with its detail in brackets if it has one, and the construct that violates it."""

    rule: str
    path: str

    @property
    def pack(self) -> str:
        """The pack of the rule."""
        return next(pack for pack in PACKS if self.rule.startswith(f"{pack}-"))


@dataclass(frozen=True, order=True)
class Acceptance:
    """An acknowledgement of a rule on a construct and everything below it."""

    rule: str
    path: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Return whether it acknowledges the finding."""
        below = finding.path == self.path or finding.path.startswith(f"{self.path}/")
        return finding.rule == self.rule and below


@dataclass(frozen=True)
class Review:
    """Findings of the packs in one app.

    Attributes:
        findings: All findings, without acknowledgements.
        left: Findings that are not acknowledged.
        acceptances: All acknowledgements of the packs' rules.
    """

    findings: tuple[Finding, ...]
    left: tuple[Finding, ...]
    acceptances: tuple[Acceptance, ...]

    def reasons(self, finding: Finding) -> tuple[str, ...]:
        """Return the reasons of a finding's acknowledgements."""
        return tuple(dict.fromkeys(one.reason for one in self.acceptances if one.covers(finding)))

    def below(self, path: str) -> Review:
        """Return the part for the construct at a path and everything below it."""

        def inside(one: Finding | Acceptance) -> bool:
            return one.path == path or one.path.startswith(f"{path}/")

        return Review(
            tuple(filter(inside, self.findings)),
            tuple(filter(inside, self.left)),
            tuple(filter(inside, self.acceptances)),
        )

    def faults(self) -> list[str]:
        """Return findings without acknowledgement, and acknowledgements without a reason or a finding."""
        return [
            *(f"{one.rule} at {one.path}: fix it, or acknowledge it with a reason" for one in self.left),
            *(
                f"{one.rule} at {one.path} is acknowledged without a reason"
                for one in self.acceptances
                if not one.reason.strip()
            ),
            *(
                f"{one.rule} at {one.path} is acknowledged, but not found: remove the acknowledgement"
                for one in self.acceptances
                if not any(map(one.covers, self.findings))
            ),
        ]


def review(build: Callable[[App], object], context: Mapping[str, Any]) -> Review:
    """Run the packs on an app twice: with and without its acknowledgements.

    Args:
        build: Defines the app's stacks; called for each run.
        context: The app's context with its feature flags.

    Raises:
        RuntimeError: The app cannot be synthesized.
    """
    app, left = _look(build, context)
    acceptances = sorted(set(_acceptances(app)))
    # All acknowledgements of Python constructs call this method.
    with mock.patch.object(Validations, "acknowledge", return_value=None):
        _, findings = _look(build, context)
    return Review(tuple(findings), tuple(left), tuple(acceptances))


@cache
def rule_count(pack: str) -> int:
    """Return how many rules the installed cdk-nag has in a pack."""
    _, name = PACKS[pack]
    (archive,) = (Path(cdk_nag.__file__).parent / "_jsii").glob("cdk-nag@*.jsii.tgz")
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/lib/packs/{name}.js")
        script = b"" if member is None else member.read()
    # One call per rule; the source map at the end is encoded.
    return len(re.findall(rb"\bthis\.applyRule\(", script))


def _look(build: Callable[[App], object], context: Mapping[str, Any]) -> tuple[App, list[Finding]]:
    with tempfile.TemporaryDirectory() as folder:
        app = aws_cdk.App(
            # Findings are read from the report; those of the second run are not errors.
            context={**context, "@aws-cdk/core:failSynthOnValidationErrors": False},
            outdir=folder,
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
        )
        build(app)
        for pack, _ in PACKS.values():
            Validations.of(app).add_plugins(pack(app))
        app.synth()
        report = Path(folder) / "validation-report.json"
        return app, sorted(set(_findings(json.loads(report.read_text("utf-8"))["pluginReports"])))


def _findings(checks: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    for check in checks:
        for violation in check["violations"]:
            for where in violation["violatingConstructs"]:
                yield Finding(violation["ruleName"], where["constructPath"])


def _acceptances(app: App) -> Iterator[Acceptance]:
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            if entry.type != Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                continue
            for rule, reason in entry.data.items():
                # CDK prefixes rules with `Annotation::`.
                name = re.sub(r"^annotation::", "", rule, flags=re.IGNORECASE)
                if any(name.startswith(f"{pack}-") for pack in PACKS):
                    yield Acceptance(name, construct.node.path, reason)

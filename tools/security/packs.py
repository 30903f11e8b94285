"""What cdk-nag's packs find in an app, what of it the constructs accept, and why."""

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

# Each pack's class, by the name that its findings begin with, and its file in cdk-nag.
PACKS: Final[Mapping[str, tuple[type[cdk_nag.NagPack], str]]] = {
    "AwsSolutions": (cdk_nag.AwsSolutionsChecks, "aws-solutions"),
    "HIPAA.Security": (cdk_nag.HIPAASecurityChecks, "hipaa-security"),
    "NIST.800.53.R5": (cdk_nag.NIST80053R5Checks, "nist-800-53-r5"),
    "PCI.DSS.321": (cdk_nag.PCIDSS321Checks, "pci-dss-321"),
    "Serverless": (cdk_nag.ServerlessChecks, "serverless"),
}


@dataclass(frozen=True, order=True)
class Finding:
    """A rule, with its detail in brackets where it has one, and the construct that breaks it."""

    rule: str
    path: str

    @property
    def pack(self) -> str:
        """The pack whose rule it is."""
        return next(pack for pack in PACKS if self.rule.startswith(f"{pack}-"))


@dataclass(frozen=True, order=True)
class Acceptance:
    """An acknowledgement: it covers the rule's findings on the construct and on all below it."""

    rule: str
    path: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is accepted by this."""
        below = finding.path == self.path or finding.path.startswith(f"{self.path}/")
        return finding.rule == self.rule and below


@dataclass(frozen=True)
class Review:
    """What the packs say of one app.

    Attributes:
        findings: what they find where nothing is accepted.
        left: what they find as the app is; nothing, in an app that is clean.
        acceptances: every acknowledgement of a rule of theirs, findings or not.
    """

    findings: tuple[Finding, ...]
    left: tuple[Finding, ...]
    acceptances: tuple[Acceptance, ...]

    def reasons(self, finding: Finding) -> tuple[str, ...]:
        """Why the finding is accepted; nothing where it is not."""
        return tuple(dict.fromkeys(one.reason for one in self.acceptances if one.covers(finding)))

    def below(self, path: str) -> Review:
        """The part of it that speaks of the construct at this path and of all below it."""

        def inside(one: Finding | Acceptance) -> bool:
            return one.path == path or one.path.startswith(f"{path}/")

        return Review(
            tuple(filter(inside, self.findings)),
            tuple(filter(inside, self.left)),
            tuple(filter(inside, self.acceptances)),
        )

    def faults(self) -> list[str]:
        """Findings that nothing accepts, acceptances without a reason, and those that nothing needs."""
        return [
            *(f"{one.rule} at {one.path}: mend it, or acknowledge it with a reason" for one in self.left),
            *(
                f"{one.rule} at {one.path} is acknowledged without a reason"
                for one in self.acceptances
                if not one.reason.strip()
            ),
            *(
                f"{one.rule} at {one.path} is acknowledged, and nothing there breaks the rule: take it away"
                for one in self.acceptances
                if not any(map(one.covers, self.findings))
            ),
        ]


def review(build: Callable[[App], object], context: Mapping[str, Any]) -> Review:
    """Let the packs look at an app twice: as it is, and as if nothing were acknowledged.

    Args:
        build: fills an app; called for each look.
        context: the app's context, its feature flags among it.

    Raises:
        RuntimeError: the app cannot be synthesized.
    """
    app, left = _look(build, context)
    acceptances = sorted(set(_acceptances(app)))
    # Python's constructs all come through this method; it works on the construct tree and nowhere else.
    with mock.patch.object(Validations, "acknowledge", return_value=None):
        _, findings = _look(build, context)
    return Review(tuple(findings), tuple(left), tuple(acceptances))


@cache
def rule_count(pack: str) -> int:
    """How many rules the installed cdk-nag applies in a pack."""
    _, name = PACKS[pack]
    (archive,) = (Path(cdk_nag.__file__).parent / "_jsii").glob("cdk-nag@*.jsii.tgz")
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/lib/packs/{name}.js")
        script = b"" if member is None else member.read()
    # Each rule is applied by one call; the source map at the end holds the same, but encoded.
    return len(re.findall(rb"\bthis\.applyRule\(", script))


def _look(build: Callable[[App], object], context: Mapping[str, Any]) -> tuple[App, list[Finding]]:
    with tempfile.TemporaryDirectory() as folder:
        app = aws_cdk.App(
            # The findings stand in a file; those of the second look are no errors and not to be printed.
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
                # CDK puts the kind of check before the rule: `Annotation::` is its own word for any.
                name = re.sub(r"^annotation::", "", rule, flags=re.IGNORECASE)
                if any(name.startswith(f"{pack}-") for pack in PACKS):
                    yield Acceptance(name, construct.node.path, reason)

"""Findings of preflight, and their effect on the deployment."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from mme.findings import Finding, Severity


class Effect(Enum):
    """Effect of a finding on the deployment, the worst first."""

    FAILS = "fails"
    """The deployment would fail, usually halfway and with a rollback."""

    LOSES = "loses"
    """It would succeed and lose something: an endpoint, data, the location of the models."""

    WARNING = "warning"
    """It would succeed with a possibly unwanted effect, or the effect is unknown."""

    NOTE = "note"
    """It would succeed, with an effect to know about."""


_SEVERITIES = {
    Effect.FAILS: Severity.ERROR,
    Effect.LOSES: Severity.ERROR,
    Effect.WARNING: Severity.WARNING,
    Effect.NOTE: Severity.NOTE,
}


@dataclass(frozen=True, kw_only=True)
class PreflightFinding(Finding):
    """A change and its effect; `code` is for scripts and `--accept`.

    Attributes:
        effect: The effect on the deployment.
        subject: Name of the stack or endpoint, or logical id of the resource.
        reason: Why it matters; may be empty.
    """

    effect: Effect
    subject: str
    reason: str = ""


def finding(
    effect: Effect, code: str, subject: str, message: str, reason: str = "", hint: str = ""
) -> PreflightFinding:
    """Return a finding with the severity of its effect; see `PreflightFinding`."""
    severity = _SEVERITIES[effect]
    return PreflightFinding(severity, code, message, hint, effect=effect, subject=subject, reason=reason)


@dataclass(frozen=True)
class PreflightReport:
    """All findings of an environment.

    Attributes:
        first: Whether nothing is deployed yet.
        findings: The worst first.
        stacks: Names of the compared stacks.
    """

    stack: str
    region: str
    first: bool
    findings: tuple[PreflightFinding, ...]
    stacks: tuple[str, ...] = ()

    def stopping(self, accepted: Collection[str] = ()) -> list[PreflightFinding]:
        """Return the findings that should stop the deployment.

        Args:
            accepted: Codes of intended losses. Failures can't be accepted.
        """
        return [
            finding
            for finding in self.findings
            if finding.effect is Effect.FAILS
            or (finding.effect is Effect.LOSES and finding.code not in accepted)
        ]


def ordered(findings: Iterable[PreflightFinding]) -> tuple[PreflightFinding, ...]:
    """Sort findings by effect, the worst first."""
    effects = list(Effect)
    return tuple(sorted(findings, key=lambda finding: effects.index(finding.effect)))

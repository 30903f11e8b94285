"""What preflight finds, and what it means for the deployment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum


class Effect(Enum):
    """What a deployment would do, the worst first."""

    FAILS = "fails"
    """It would fail, most often halfway and with a rollback."""

    LOSES = "loses"
    """It would succeed and something be gone: an endpoint, data, the way to the models."""

    WARNING = "warning"
    """It would succeed, and do what somebody may not want; or it can't be known."""

    NOTE = "note"
    """As wanted, and worth knowing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One change and its effect.

    Attributes:
        code: its name for scripts and `--accept`: `instance-type`.
        effect: what the deployment would do.
        subject: what it is about: a stack's name, an endpoint's, a resource's logical id.
        message: what changes; lower-case, no full stop.
        reason: why it matters; empty where the message says so.
        way_out: lines of what to do, in their order; empty where there is nothing to do.
    """

    code: str
    effect: Effect
    subject: str
    message: str
    reason: str = ""
    way_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All findings of one environment.

    Attributes:
        stack: the serving stack's name.
        region: where it is, or would be.
        first: whether there is nothing deployed yet.
        findings: the worst first.
        stacks: names of the stacks that were compared.
    """

    stack: str
    region: str
    first: bool
    findings: tuple[Finding, ...]
    stacks: tuple[str, ...] = field(default=())

    def stopping(self, accepted: Collection[str] = ()) -> list[Finding]:
        """Those that should keep the deployment from being made.

        Args:
            accepted: codes of losses that are wanted. What would fail is never accepted.
        """
        return [
            finding
            for finding in self.findings
            if finding.effect is Effect.FAILS
            or (finding.effect is Effect.LOSES and finding.code not in accepted)
        ]


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """The worst first, else as they were found."""
    severity = list(Effect)
    return tuple(sorted(findings, key=lambda finding: severity.index(finding.effect)))

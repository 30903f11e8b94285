"""What is wrong with a model directory or an archive, in words that say how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mme.errors import MmeError

Severity = Literal["error", "warning", "note"]
"""error: the container will not serve it. warning: it may fail, or differ from what was meant."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        code: short and stable, for tests and machines: `config-missing`.
        message: names the file and the reason.
        hint: how to mend it.
        severity: `error`, `warning` or `note`.
    """

    code: str
    message: str
    hint: str
    severity: Severity = "error"


class ArchiveError(MmeError):
    """The container could not load this model, or it could not be packed.

    Args:
        subject: the directory or archive, as the user named it.
        findings: one or more faults, the first found first.
    """

    def __init__(self, subject: str, findings: Sequence[Finding]) -> None:
        self.subject = subject
        self.findings = tuple(findings)
        if len(self.findings) == 1:
            only = self.findings[0]
            super().__init__(f"{subject}: {only.message}", hint=only.hint)
            return
        lines = [f"- {finding.message}; {finding.hint}" for finding in self.findings]
        super().__init__(f"{subject}: {len(self.findings)} faults", hint="\n".join(lines))

    @property
    def codes(self) -> tuple[str, ...]:
        """The faults' codes, in order."""
        return tuple(finding.code for finding in self.findings)

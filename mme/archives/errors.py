"""The errors of reading, checking and packing archives."""

from __future__ import annotations

from collections.abc import Sequence

from mme.errors import MmeError
from mme.findings import Finding


class ArchiveError(MmeError):
    """The container could not load this model, or it could not be packed.

    Args:
        subject: The directory or archive, as the user named it.
        findings: One or more errors, the first found first.
    """

    def __init__(self, subject: str, findings: Sequence[Finding]) -> None:
        self.subject = subject
        self.findings = tuple(findings)
        if len(self.findings) == 1:
            only = self.findings[0]
            super().__init__(f"{subject}: {only.message}", hint=only.hint)
            return
        lines = [f"- {finding.message}; {finding.hint}" for finding in self.findings]
        super().__init__(f"{subject}: {len(self.findings)} errors", hint="\n".join(lines))

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order."""
        return tuple(finding.code for finding in self.findings)


class UnreadableArchiveError(Exception):
    """The archive can't be read any further.

    Args:
        finding: Why.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding

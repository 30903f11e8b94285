"""The one form of everything that a check reports: archives, the doctor, preflight, status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mme.errors import shortened

_MAX_CHARS: Final = 800


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"
    """It does not work."""

    WARNING = "warning"
    """It may fail, or differ from what was meant."""

    NOTE = "note"
    """It works and is worth knowing."""

    SKIPPED = "skipped"
    """It could not be checked."""

    OK = "ok"
    """It was checked and works."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        severity: How bad it is.
        code: Short and stable, for tests and scripts: `config-missing`.
        message: What is wrong, with the values that matter, and why.
        hint: The command or change that helps; empty if there is nothing to do.
    """

    severity: Severity
    code: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Cut a message that repeats a very long name or line."""
        object.__setattr__(self, "message", shortened(self.message, _MAX_CHARS))

    @classmethod
    def error(cls, code: str, message: str, hint: str) -> Finding:
        """Return a finding about something that does not work; see `Finding`."""
        return cls(Severity.ERROR, code, message, hint)

    @classmethod
    def warning(cls, code: str, message: str, hint: str) -> Finding:
        """Return a finding about something that may fail; see `Finding`."""
        return cls(Severity.WARNING, code, message, hint)

    @classmethod
    def note(cls, code: str, message: str, hint: str = "") -> Finding:
        """Return a finding that is worth knowing; see `Finding`."""
        return cls(Severity.NOTE, code, message, hint)

    @classmethod
    def skipped(cls, code: str, message: str, hint: str = "") -> Finding:
        """Return a finding about what could not be checked; see `Finding`."""
        return cls(Severity.SKIPPED, code, message, hint)

    @classmethod
    def ok(cls, code: str, message: str) -> Finding:
        """Return a finding about what was checked and works; see `Finding`."""
        return cls(Severity.OK, code, message)

"""The errors that the toolkit raises on purpose."""

from __future__ import annotations


class MmeError(Exception):
    """An error that the user can fix: the CLI prints it without a stack trace and exits with status 2.

    Args:
        message: What is wrong, with the value, and why; lower case, no full stop.
        hint: How to fix it: the next command or change.
    """

    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

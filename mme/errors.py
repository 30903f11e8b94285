"""The one family of errors that the toolkit raises on purpose."""

from __future__ import annotations


class MmeError(Exception):
    """Something the user can mend: the CLI prints it as one clear line and exits with status 2.

    Args:
        message: names the value, the reason and the way out; one sentence, no full stop needed.
        hint: the next command or change, shown on its own line where there is one.
    """

    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

"""The errors that the toolkit raises on purpose."""

from __future__ import annotations

import re
from typing import Final

INTERRUPTED: Final = 130
"""Exit status of a command that Ctrl-C ended, as of a shell: 128 + SIGINT."""

CLOSED_PIPE: Final = 141
"""Exit status of a command whose output no one reads any more, as of a shell: 128 + SIGPIPE."""

_MAX_LINE_CHARS: Final = 1000
_OWN: Final = ("mme", "mme_local", "mme_cdk")


def shortened(text: str, most: int) -> str:
    """Return text, without its middle if it is very long.

    Args:
        text: The text.
        most: Characters that may stay.
    """
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def plain_reason(text: str) -> str:
    """Return why pydantic refused a value, in plain words: `it must be a whole number`."""
    text = text.removeprefix("Value error, ").partition(", unable to ")[0]
    text = re.sub(r"^Input should be (a valid (?=integer|number|boolean|string))?", "it must be ", text)
    for kind, words in (("integer", "a whole number"), ("number", "a number"), ("boolean", "true or false")):
        text = text.replace(f"it must be {kind}", f"it must be {words}")
    return text[:1].lower() + text[1:]


class MmeError(Exception):
    """An error that the user can fix: the CLI prints it without a stack trace and exits with status 2.

    Args:
        message: What is wrong, with the value, and why; lower case, no full stop. A very long line
            loses its middle.
        hint: How to fix it: the next command or change.
    """

    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = "\n".join(shortened(line, _MAX_LINE_CHARS) for line in message.split("\n"))
        super().__init__(self.message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def missing_package(error: ModuleNotFoundError, program: str, requirement: str) -> MmeError:
    """Explain an import that failed because a package is not installed.

    Args:
        error: As the import raised it.
        program: What needed the package.
        requirement: What to install, in pip's syntax.

    Returns:
        The error to print.

    Raises:
        ModuleNotFoundError: The module is one of ours: a bug, not a missing package.
    """
    package = (error.name or "").partition(".")[0]
    if not package or package in _OWN:
        raise error
    return MmeError(
        f"{program} needs the package {package}, which is not installed",
        hint=f'pip install "{requirement}"',
    )

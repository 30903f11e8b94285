"""Confirmation prompts before irreversible steps."""

from __future__ import annotations

import sys

from mme.errors import MmeError


def confirm(question: str) -> None:
    """Ask a yes/no question and return if the answer is yes.

    Raises:
        MmeError: The answer is not yes, or standard input is not a terminal.
    """
    if _answer(f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise MmeError("not confirmed: nothing was changed", hint="run it again and answer y, or add --yes")


def confirm_by_typing(word: str) -> None:
    """Ask to type a word and return if it matches.

    Raises:
        MmeError: Another word was typed, or standard input is not a terminal.
    """
    typed = _answer(f"Type {word} to delete all this: ")
    if typed != word:
        raise MmeError(f"{typed!r} is not {word}: nothing was deleted", hint=f"run it again and type {word}")


def _answer(prompt: str) -> str:
    from mme.console import standard_error

    if not sys.stdin.isatty():
        raise MmeError(
            f"can't ask for confirmation ({prompt.strip()}): standard input is not a terminal",
            hint="add --yes to skip the question",
        )
    standard_error().print(prompt, end="")
    return sys.stdin.readline().strip()

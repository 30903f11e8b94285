"""Asking before something that can't be taken back."""

from __future__ import annotations

import sys

from mme.errors import MmeError


def confirm(question: str) -> None:
    """Goes on if the answer is yes.

    Raises:
        MmeError: it is not, or nobody is there to answer.
    """
    if _asked(f"{question} \\[y/N] ").lower() not in ("y", "yes"):
        raise MmeError("not confirmed: nothing was changed")


def confirm_by_typing(word: str) -> None:
    """Goes on if exactly this word is typed.

    Raises:
        MmeError: it is not, or nobody is there to type.
    """
    typed = _asked(f"Type [bold]{word}[/] to delete all this: ")
    if typed != word:
        raise MmeError(f"{typed!r} is not {word}: nothing was deleted")


def _asked(prompt: str) -> str:
    from mme.console import standard_error

    if not sys.stdin.isatty():
        raise MmeError("nobody is there to confirm it", hint="look at what is shown, then give --yes")
    standard_error().print(prompt, end="")
    return sys.stdin.readline().strip()

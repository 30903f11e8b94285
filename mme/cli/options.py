"""Options that many commands have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from mme.errors import MmeError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price", help="Price of an instance type in USD per hour; repeatable.", metavar="TYPE=USD"
    ),
]
Since = Annotated[str, typer.Option("--since", help="How far back: 90s, 15m, 1h, 2d.", metavar="TIME")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation prompt.")]


def refuse(given: Mapping[str, object], message: str, hint: str | None = None) -> None:
    """Refuse options that don't go with others.

    Args:
        given: Values by option; those that are empty were not given.
        message: Of the error; `{}` is replaced by the options that were given.
        hint: What to do about it.

    Raises:
        MmeError: One was given.
    """
    names = [name for name, value in given.items() if value]
    if names:
        raise MmeError(message.format(" and ".join(names)), hint=hint)

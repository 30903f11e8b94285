"""Options that many commands have."""

from __future__ import annotations

from typing import Annotated, Final

import typer

MODEL_HELP: Final = "Archive (add_sub_v0.tar.gz), alias (add_sub@prod), or a name for its newest version."
Model = Annotated[str, typer.Argument(help=MODEL_HELP, metavar="MODEL")]
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

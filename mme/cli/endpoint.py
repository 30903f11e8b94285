"""`mme endpoint`: a deployed endpoint, day to day. Each group of verbs has a file of its own."""

from __future__ import annotations

import typer

from mme.cli.preflight import preflight

app = typer.Typer(
    name="endpoint", help="See how a deployed endpoint is, mend it, and clean it up.", no_args_is_help=True
)
for _verb in (preflight,):
    app.command()(_verb)


@app.callback()
def _endpoint() -> None:
    """See how a deployed endpoint is, mend it, and clean it up."""

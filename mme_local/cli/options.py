"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        help="Port of the local endpoint. Default: MME_LOCAL_PORT, else AWS_ENDPOINT_URL's here, else 4747.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

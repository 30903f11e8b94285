"""`mme endpoint`: operate a deployed endpoint. Each verb is in its own module."""

from __future__ import annotations

import typer

from mme.cli.endpoint_clean import clean
from mme.cli.endpoint_doctor import doctor
from mme.cli.endpoint_logs import logs, top
from mme.cli.endpoint_metrics import metrics
from mme.cli.endpoint_rollback import rollback
from mme.cli.endpoint_status import status
from mme.cli.endpoint_warm import warm
from mme.cli.preflight import preflight

app = typer.Typer(
    name="endpoint", help="Inspect, repair and clean up a deployed endpoint.", no_args_is_help=True
)
for _verb in (status, doctor, metrics, logs, top, warm, preflight, rollback, clean):
    app.command()(_verb)

"""`mme cost refresh-prices`: read hosting prices from AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from mme.cli.options import Json
from mme.console import count_text, fields, print_json, print_line, print_outcome, waiting


def refresh_prices(
    context: typer.Context,
    types: Annotated[
        list[str] | None, typer.Argument(help="Instance types. Default: all.", metavar="[TYPE]...")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a region's hosting prices from AWS's Price List API into your price file.

    It needs the right pricing:GetProducts, and the file is ~/.local/share/mme/prices.json or MME_PRICES.

    Example: mme --region eu-west-1 cost refresh-prices ml.g5.xlarge
    """
    from datetime import UTC, datetime

    from mme.aws.clients import AwsClients, open_session
    from mme.catalog.prices import check_type
    from mme.cli.deployment import target_of
    from mme.plan.cost.price_list import price_region, refresh

    wanted = [check_type(name) for name in types or ()]
    settings = target_of(context).settings
    # Prices are AWS's, also for the local environment.
    in_aws = settings.model_copy(update={"env": "aws"})
    region = price_region(settings)
    with waiting(f"reading prices of {region}"):
        done = refresh(
            lambda: AwsClients(open_session(in_aws), in_aws).pricing,
            settings.price_file,
            region,
            wanted,
            datetime.now(UTC).date().isoformat(),
        )
    if as_json:
        changed = {name: {"from": old, "to": new} for name, (old, new) in done.changed.items()}
        print_json(fields(done, "region prices") | {"file": str(done.file), "changed": changed})
        return
    print_outcome("done", f"{count_text(len(done.prices), 'prices')} of {region} in {done.file}")
    for name, (old, new) in sorted(done.changed.items()):
        print_line(f"{name} {old:g} -> {new:g} USD an hour")

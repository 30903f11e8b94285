"""Check a container of your own against SageMaker's multi-model contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.console import (
    count_text,
    fields,
    plain_table,
    print_json,
    print_outcome,
    print_table,
    waiting,
)
from mme_local.cli.options import JsonOption

if TYPE_CHECKING:
    from mme_local.containers.contract_check import Verdict

# Neither 1, a failure of the command, nor 2, an error that kept it from checking.
_FAILED: Final = 3

app = typer.Typer(name="containers", help=__doc__, no_args_is_help=True)


@app.callback()
def containers() -> None:
    """Check a container of your own against SageMaker's multi-model contract."""


@app.command()
def check(
    model: Annotated[
        Path,
        typer.Option("--model", metavar="PATH", help="A model.tar.gz or directory that the server loads."),
    ],
    url: Annotated[
        str | None,
        typer.Option(
            "--url", help="Server of this machine; it must be able to read TMPDIR.", show_default=False
        ),
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Image that Docker runs.", show_default=False)
    ] = None,
    handler: Annotated[
        Path | None,
        typer.Option(
            "--handler",
            metavar="DIR",
            help="Folder with inference.py; AWS's Multi Model Server runs it, without Docker.",
            show_default=False,
        ),
    ] = None,
    body: Annotated[
        Path | None,
        typer.Option("--body", metavar="FILE", help="A request that the model answers.", show_default=False),
    ] = None,
    content_type: Annotated[
        str, typer.Option("--content-type", metavar="TYPE", help="Type of --body.")
    ] = "application/json",
    as_json: JsonOption = False,
) -> None:
    """Check a server against SageMaker's multi-model container contract.

    The model is unpacked to a folder of this machine, loaded, called and
    unloaded. Exit status 0 if no rule fails, 3 if one does, 2 if nothing
    could be checked.

    Example: mme containers check --url http://localhost:8080 --model m.tar.gz
    """
    from mme.errors import MmeError
    from mme_local.containers.contract_check import Outcome, Payload
    from mme_local.containers.contract_target import ContractTarget, check_container

    payload = None
    if body is not None:
        try:
            payload = Payload(body.read_bytes(), content_type)
        except OSError as error:
            raise MmeError(f"body {body} can't be read; {error}", hint="give the path of a file") from None
    target = ContractTarget(url=url, image=image, handler=handler)
    with waiting("checking the container"):
        verdicts = check_container(target, model, payload)
    failed = sum(one.outcome is Outcome.FAILS for one in verdicts)
    if as_json:
        rows = [fields(one, "rule observed page") | _json(one) for one in verdicts]
        print_json({"passes": not failed, "verdicts": rows})
    else:
        _print(verdicts, failed)
    if failed:
        raise typer.Exit(_FAILED)


def _json(verdict: Verdict) -> dict[str, str | None]:
    return {"outcome": verdict.outcome.value, "hint": verdict.hint or None}


def _print(verdicts: list[Verdict], failed: int) -> None:
    table = plain_table("VERDICT", "RULE", "OBSERVED", "AWS PAGE")
    for one in verdicts:
        page = one.page.rpartition("/")[2].removesuffix(".html")
        table.add_row(one.outcome.value, one.rule, one.observed, page)
    print_table(table)
    for one in verdicts:
        if one.hint:
            print_outcome("fix", f"{one.rule}: {one.hint}", style="bold red")
    if failed:
        print_outcome("stop", f"{count_text(failed, 'rules')} of the contract failed", style="bold red")
    else:
        print_outcome("ok", "the server follows the multi-model container contract")

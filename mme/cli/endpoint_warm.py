"""`mme endpoint warm`: load models before callers wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.cli.options import Json
from mme.console import assembled, fields, one_line, plain_table, print_json, print_note, print_table, styled

if TYPE_CHECKING:
    from mme.cli.deployment import Target
    from mme.client.warming import Warmed

_FAILED: Final = 1
_LOADED_NOW_SECONDS: Final = 0.5


def warm(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(help="TargetModels, names, aliases; * and ? are wildcards.", metavar="MODEL..."),
    ],
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", help="Concurrent loads.", min=1, max=64)
    ] = 8,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="Every version of a name, not only the newest.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Load models by calling each once with zeros of its declared shapes.

    A call warms one instance, the one it is sent to; the others load the model on their own first call.
    Exit status 1 if a model could not be loaded.

    Example: mme --env prod endpoint warm 'tenant-a/*' add_sub@prod --concurrency 16
    """
    from mme.cli.deployment import target_of
    from mme.cli.progress import counted_bars
    from mme.client.multi_model_client import MultiModelClient
    from mme.operate.warm_targets import choose_targets, example_request

    target = target_of(context)
    store = target.store()
    chosen = choose_targets(
        models, store.listed() or [], lambda alias: target.aliases().resolve(alias), all_versions=all_versions
    )
    client = MultiModelClient(target.deployment.endpoint_name, target.clients.runtime)
    done: list[Warmed] = []
    with counted_bars() as progress:
        task = progress.add_task("warming", total=len(chosen))
        for warmed in client.warm(chosen, inputs=example_request(store), concurrency=concurrency):
            done.append(warmed)
            progress.update(task, advance=1, description=f"warmed {one_line(warmed.model)}")
    done.sort(key=lambda one: chosen.index(one.model))
    if as_json:
        print_json(
            [
                fields(one, "model loaded")
                | {"seconds": round(one.seconds, 3), "error": one.error.message if one.error else None}
                for one in done
            ]
        )
    else:
        _print(done, _instances(target))
    if not all(one.loaded for one in done):
        raise typer.Exit(_FAILED)


def _print(done: list[Warmed], instances: int | None) -> None:
    table = plain_table("MODEL", "OUTCOME", "TIME", right=("TIME",))
    for one in done:
        if one.loaded:
            outcome = styled("loaded" if one.seconds > _LOADED_NOW_SECONDS else "warm", "green")
        else:
            outcome = assembled(("failed", "red"), (f" {_reason(one)}", "default"))
        table.add_row(one.model, outcome, f"{one.seconds:.2f} s")
    print_table(table)
    if instances is not None and instances > 1:
        print_note(
            "note:",
            f"each call warmed one of {instances} instances, and SageMaker does not report which; "
            "the others load a model on their own first call",
        )


def _reason(one: Warmed) -> str:
    """Return why it is not loaded, without the model's name, which is in the same row."""
    if one.error is None:
        return ""
    cause: str = getattr(one.error, "cause", "") or one.error.message
    return cause.removeprefix(f"{one.model} ")


def _instances(target: Target) -> int | None:
    """Return the number of instances; None if the caller may invoke but not describe."""
    from mme.operate.endpoint_state import read_endpoint

    try:
        state = read_endpoint(target.clients.sagemaker, target.deployment.endpoint_name)
    except Exception as error:
        from mme.operate.aws_errors import explain_aws_error

        if explain_aws_error(error) is None:
            raise
        return None
    return sum(variant.current or 0 for variant in state.variants)

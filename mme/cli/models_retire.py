"""`mme models remove`, `prune` and `unalias`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mme.registry import ModelRecord

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]

_STILL_SERVED = (
    "instances that hold one loaded serve it on until they unload it: stop calling it, then remove it"
)


def remove(
    context: typer.Context,
    models: Annotated[list[str], typer.Argument(help="Archives.", metavar="MODEL...")],
    yes: _Yes = False,
    as_json: _Json = False,
) -> None:
    """Delete models. Refuses what an alias stands for; a version's number is never used again.

    Instances that hold a model loaded serve it on: SageMaker is told nothing of a deletion.

    Example: mme models remove add_sub_v0.tar.gz
    """
    from mme.cli.deployment import target_of
    from mme.registry.removal import find_removable

    target = target_of(context)
    store = target.store()
    records = find_removable(store, target.aliases(), models)
    _remove(context, records, yes=yes, as_json=as_json, kept=())


def prune(
    context: typer.Context,
    keep: Annotated[int, typer.Option("--keep", help="Versions of each model to keep.", metavar="N")],
    models: Annotated[
        list[str] | None, typer.Argument(help="Models by name. Default: all.", metavar="[NAME]...")
    ] = None,
    yes: _Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    as_json: _Json = False,
) -> None:
    """Delete old versions: all but the newest N of each model, and but what an alias needs.

    An alias needs what it stands for and what a rollback would go back to.

    Example: mme models prune --keep 3 --dry-run
    """
    from mme.cli.deployment import target_of
    from mme.registry.removal import plan_prune

    target = target_of(context)
    plan = plan_prune(target.store(), target.aliases(), keep, models or None)
    _remove(context, plan.remove, yes=yes, as_json=as_json, kept=plan.kept_for_alias, dry_run=dry_run)


def unalias(
    context: typer.Context,
    alias: Annotated[str, typer.Argument(help="The alias: NAME@LABEL.", metavar="ALIAS")],
    yes: _Yes = False,
    expected: Annotated[
        str | None,
        typer.Option("--if", help="Only if it points at this archive now.", metavar="MODEL"),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Delete an alias with its history; the models stay. Callers of it fail within half a minute.

    Example: mme models unalias add_sub@staging
    """
    import sys

    from mme.cli.deployment import target_of
    from mme.console import print_json, standard_output
    from mme.errors import MmeError

    aliases = target_of(context).aliases()
    found = aliases.describe(alias)
    if not yes:
        if not sys.stdin.isatty():
            raise MmeError(
                f"{alias}, which stands for {found.target}, would be deleted, and nobody can be asked",
                hint="give --yes to delete it",
            )
        typer.confirm(f"Delete {alias}, which stands for {found.target}?", abort=True, err=True)
    aliases.remove(alias, expected if expected is not None else found.target)
    if as_json:
        print_json({"alias": alias, "model": found.target, "deleted": True})
        return
    standard_output().print(f"deleted {alias} (was {found.target})", markup=False, soft_wrap=True)


def _remove(
    context: typer.Context,
    records: Sequence[ModelRecord],
    *,
    yes: bool,
    as_json: bool,
    kept: Sequence[ModelRecord],
    dry_run: bool = False,
) -> None:
    import sys

    from mme.cli.deployment import target_of
    from mme.console import count_text, print_json, print_note, size_text, standard_output
    from mme.errors import MmeError
    from mme.registry.aliases.store import who_am_i
    from mme.registry.removal import remove_models

    store = target_of(context).store()
    out = standard_output()
    if not as_json:
        for record in kept:
            print_note("kept", f"{record.target_model}: an alias needs it")
        for record in records:
            verb = "would remove" if dry_run else "removing"
            out.print(
                f"{verb} {record.target_model} ({size_text(record.size)})", markup=False, soft_wrap=True
            )
    if records and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise MmeError(
                f"{count_text(len(records), 'models')} would be removed, and nobody can be asked",
                hint="give --yes to remove them",
            )
        typer.confirm(f"Remove {len(records)} from {store.url}?", abort=True, err=True)
    if not dry_run:
        remove_models(store, records, by=who_am_i())
    if as_json:
        print_json(
            {
                "removed": [] if dry_run else [record.target_model for record in records],
                "would_remove": [record.target_model for record in records] if dry_run else [],
                "kept_for_alias": [record.target_model for record in kept],
            }
        )
    elif not records:
        print_note("nothing", "to remove")
    elif not dry_run:
        print_note("note:", _STILL_SERVED)

"""`mme models remove`, `prune` and `unalias`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mme.cli.confirmation import confirm
from mme.cli.deployment import target_of
from mme.cli.options import Json, Yes
from mme.console import count_text, print_json, print_line, print_note, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mme.errors import MmeError
    from mme.registry.model_store import ModelRecord


def remove(
    context: typer.Context,
    models: Annotated[list[str], typer.Argument(help="Archives, by their full names.", metavar="ARCHIVE...")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete models. Models that an alias points at are refused; version numbers are never used again.

    Instances that loaded a model serve it until they unload it: SageMaker does not notice a deletion.

    Example: mme models remove add_sub_v0.tar.gz
    """
    from mme.registry.removal import find_removable

    target = target_of(context)
    records = find_removable(target.store(), target.aliases(), models)
    _remove(context, records, yes=yes, as_json=as_json)


def prune(
    context: typer.Context,
    keep: Annotated[int, typer.Option("--keep", help="Versions of each model to keep.", metavar="N")],
    models: Annotated[
        list[str] | None, typer.Argument(help="Models by name. Default: all.", metavar="[NAME]...")
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Delete old versions: all but the newest N of each model and those that an alias needs.

    An alias needs its target and the target of its next rollback.

    Example: mme models prune --keep 3 --dry-run
    """
    from mme.registry.removal import plan_prune

    target = target_of(context)
    plan = plan_prune(target.store(), target.aliases(), keep, models or None)
    _remove(
        context,
        plan.remove,
        needed=plan.needed_by_alias,
        unreadable=plan.unreadable,
        yes=yes,
        as_json=as_json,
        dry_run=dry_run,
    )


def unalias(
    context: typer.Context,
    alias: Annotated[str, typer.Argument(help="The alias: NAME@LABEL.", metavar="ALIAS")],
    yes: Yes = False,
    expected: Annotated[
        str | None,
        typer.Option("--if", help="Only if it points at this archive now.", metavar="MODEL"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete an alias with its history. The models stay; calls by the alias fail within 30 seconds.

    Example: mme models unalias add_sub@staging
    """
    from mme.registry.aliases import UnreadableAliasError

    aliases = target_of(context).aliases()
    try:
        target: str | None = aliases.resolve(alias)
    except UnreadableAliasError as error:
        target = None
        print_note("unreadable", error.message)
    points = f"points at {target}" if target else "can't be read"
    if not yes:
        confirm(f"Delete {alias}, which {points}?")
    aliases.remove(alias, expected if expected is not None else target)
    if as_json:
        print_json({"alias": alias, "model": target, "deleted": True})
        return
    print_line(f"deleted {alias}" + (f" (was {target})" if target else ""))


def _remove(
    context: typer.Context,
    records: Sequence[ModelRecord],
    *,
    yes: bool,
    as_json: bool,
    needed: Sequence[ModelRecord] = (),
    unreadable: Sequence[MmeError] = (),
    dry_run: bool = False,
) -> None:
    from mme.registry.aliases.store import who_am_i
    from mme.registry.removal import remove_models

    store = target_of(context).store()
    if not as_json:
        for record in needed:
            print_note("keeping", f"{record.target_model}: an alias needs it")
        for error in unreadable:
            print_note("keeping", f"all versions of its model: {error.message}")
        verb = "would remove" if dry_run else "removing"
        for record in records:
            print_line(f"{verb} {record.target_model} ({size_text(record.size)})")
    if records and not dry_run:
        if not yes:
            confirm(f"Remove {count_text(len(records), 'models')} from {store.url}?")
        remove_models(store, records, by=who_am_i())
    if as_json:
        targets = [record.target_model for record in records]
        print_json(
            {
                "removed": [] if dry_run else targets,
                "would_remove": targets if dry_run else [],
                "kept_for_alias": [record.target_model for record in needed],
            }
        )
    elif not records:
        print_note("nothing", "to remove")
    elif not dry_run:
        print_note("note:", "instances that loaded a model serve it until they unload it")

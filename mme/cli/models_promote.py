"""`mme models promote`, `rollback`, `aliases` and `promote-to`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mme.cli.deployment import target_of
from mme.cli.options import Json, Model
from mme.cli.progress import reading
from mme.console import (
    age_text,
    ended_by_signals,
    fields,
    plain_table,
    print_json,
    print_line,
    print_note,
    print_table,
    waiting,
)

if TYPE_CHECKING:
    from mme.cli.deployment import Target
    from mme.registry.aliases import Alias, AliasListing


def promote(
    context: typer.Context,
    model: Model,
    alias: Annotated[str, typer.Option("--as", help="The alias: NAME@LABEL.", metavar="ALIAS")],
    warm: Annotated[bool, typer.Option("--warm", help="Load it on an instance first.")] = False,
    expected: Annotated[
        str | None,
        typer.Option("--if", help="Only if it points at this archive now.", metavar="MODEL"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Point an alias at a model. Callers of the alias follow within 30 seconds.

    With --warm the alias moves after one instance has loaded the model. Other instances load it at their
    first call.

    Example: mme models promote add_sub_v3.tar.gz --as add_sub@prod
    """
    from mme.registry.aliases.alias import check_target
    from mme.registry.promotion import promote as promote_model
    from mme.registry.targets import find_target

    target = target_of(context)
    model = target.target_model(model)
    check_target(alias, model)
    store = target.store()
    find_target(store, model)
    if warm:
        _warm(target, model)
    _print_alias(promote_model(store, target.aliases(), model, alias, expected), as_json)


def rollback(
    context: typer.Context,
    alias: Annotated[str, typer.Argument(help="The alias.", metavar="ALIAS")],
    as_json: Json = False,
) -> None:
    """Point an alias at its previous model; again, at the one before that.

    Example: mme models rollback add_sub@prod
    """
    from mme.registry.promotion import roll_back

    target = target_of(context)
    found, left = roll_back(target.store(), target.aliases(), alias)
    _print_alias(found, as_json, left=left)


def aliases(
    context: typer.Context,
    alias: Annotated[
        str | None, typer.Argument(help="One alias, with its history.", metavar="[ALIAS]")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the aliases, or show the history of one: who changed it, when, to what.

    The user of a change is a statement, not a proof; CloudTrail's data events prove it.

    Example: mme models aliases add_sub@prod
    """

    target = target_of(context)
    store = target.aliases()
    if alias:
        found = [store.describe(alias)]
    else:
        listing = store.all()
        found = list(listing.aliases)
        print_unreadable(listing)
    if as_json:
        print_json(_alias_json(found[0]) if alias else [_alias_json(one) for one in found])
        return
    if not found:
        print_note("no aliases", f"yet; make one: {target.command} models promote MODEL --as NAME@LABEL")
        return
    if alias:
        table = plain_table("WHEN", "ACTION", "MODEL", "WHO")
        for change in reversed(found[0].history):
            table.add_row(f"{change.at:%Y-%m-%d %H:%M:%S} UTC", change.action, change.target, change.by)
    else:
        table = plain_table("ALIAS", "MODEL", "SINCE", "BY", "BEFORE")
        for one in found:
            latest = one.history[-1] if one.history else None
            since, by = (age_text(latest.at), latest.by) if latest else ("-", "-")
            table.add_row(one.alias, one.target, since, by, one.previous[-1] if one.previous else "-")
    print_table(table)


def promote_to(
    context: typer.Context,
    model: Model,
    env: Annotated[str, typer.Option("--env", help="The environment to copy it to.", metavar="ENV")],
    alias: Annotated[
        str | None, typer.Option("--as", help="Point this alias there at it.", metavar="ALIAS")
    ] = None,
    stack: Annotated[
        str | None, typer.Option("--stack", help="Its serving stack, if not mme-ENV-serving.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="AWS profile for that environment.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="Its AWS region.")] = None,
    role_arn: Annotated[
        str | None, typer.Option("--role-arn", help="A role to assume there, for example of another account.")
    ] = None,
    warm: Annotated[bool, typer.Option("--warm", help="Load it on an instance there first.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip reading the copy to check its digest.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy a model inside S3 to another environment's store, check it there, and point an alias at it.

    The credentials for the other environment copy it, so they must be able to read this one's models.

    Example: mme --env staging models promote-to --env prod add_sub_v3.tar.gz --as add_sub@prod
    """
    from mme.registry.aliases.alias import check_target
    from mme.registry.promotion import promote as promote_model
    from mme.registry.transfer import transfer

    here = target_of(context)
    model = here.target_model(model)
    if alias is not None:
        check_target(alias, model)
    there = here.other(role_arn=role_arn, env=env, stack=stack, profile=profile, region=region)
    source, destination = here.store(), there.store()
    with ended_by_signals(), reading("checking the copy", 0) as progress:
        advance = partial(progress.advance, progress.task_ids[0])
        copied = transfer(source, destination, model, read_content=not quick, on_bytes=advance)
    outcome = "copied to" if copied.created else "exists already:"
    if not as_json:
        print_line(f"{outcome} {destination.url}{model}, digest {copied.digest[:12]}")
    if warm:
        _warm(there, model)
    pointed = promote_model(destination, there.aliases(), model, alias) if alias else None
    if as_json:
        pointed_json = _alias_json(pointed) if pointed else None
        facts = {"model": model, "destination": f"{destination.url}{model}", "alias": pointed_json}
        print_json(facts | fields(copied, "created digest content_read"))
    elif pointed:
        _print_alias(pointed, as_json)
    if quick:
        print_note("not checked", f"the copy was not read; check it: {there.command} models verify")


def print_unreadable(listing: AliasListing) -> None:
    """Print a note for each alias that can't be read."""
    for error in listing.unreadable:
        print_note("unreadable", f"{error.message}; {error.hint}")


def _warm(target: Target, model: str) -> None:
    with waiting(f"loading {model}"):
        warmed = next(iter(target.client().warm([model])))
    if warmed.error is not None:
        raise warmed.error
    print_note("warm", f"one instance loaded {model} in {warmed.seconds:.1f} s")


def _print_alias(alias: Alias, as_json: bool, *, left: str = "") -> None:
    if as_json:
        print_json(_alias_json(alias))
        return
    before = left or (alias.previous[-1] if alias.previous else "")
    was = f" (was {before})" if before else ""
    print_line(f"{alias.alias} now points at {alias.target}{was}")


def _alias_json(alias: Alias) -> dict[str, object]:
    history = [fields(change, "model=target at by action") for change in alias.history]
    return fields(alias, "alias model=target previous") | {"history": history}

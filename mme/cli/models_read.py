"""`mme models list`, `show`, `diff` and `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mme.cli.deployment import target_of
from mme.cli.models_promote import print_unreadable
from mme.cli.options import MODEL_HELP, Json, Model
from mme.cli.progress import reading
from mme.console import (
    age_text,
    fields,
    plain_table,
    print_json,
    print_line,
    print_note,
    print_table,
    size_text,
    styled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mme.cli.deployment import Target
    from mme.registry.model_store import ModelRecord
    from mme.registry.verification import Verified


def list_models(
    context: typer.Context,
    start: Annotated[
        str, typer.Argument(help="Only names with this prefix, for example tenant-a/.", metavar="[PREFIX]")
    ] = "",
    as_json: Json = False,
) -> None:
    """List the published models: version, size, age, aliases, and whether an instance has them loaded.

    LOADED is known for the local endpoint only; SageMaker has no API for this.

    Example: mme models list tenant-a/ --json
    """

    target = target_of(context)
    store = target.store()
    records = store.records(start)
    usage = _ModelUsage(target)
    if as_json:
        print_json([usage.record_json(record) for record in records])
        return
    if not records:
        place = f"with the prefix {start} in {store.url}" if start else f"in {store.url}"
        print_note("no models", f"{place}; publish one: {target.command} models add PATH")
        return
    columns = ("MODEL", "VERSION", "SIZE", "AGE", "ALIAS", "LOADED", "DIGEST")
    table = plain_table(*columns, right=("VERSION", "SIZE"))
    for record in records:
        table.add_row(
            record.target_model,
            "-" if record.version is None else str(record.version),
            size_text(record.size),
            age_text(record.last_modified),
            ", ".join(usage.aliases_of(record)) or "-",
            usage.loaded_text(record),
            (record.digest or "-")[:12],
        )
    print_table(table)


def show(
    context: typer.Context,
    model: Model,
    as_json: Json = False,
) -> None:
    """Show one model: tensors, sizes, digest, aliases.

    Example: mme models show add_sub_v0.tar.gz
    """
    from mme.registry.targets import find_target

    target = target_of(context)
    store = target.store()
    record = find_target(store, target.target_model(model))
    usage = _ModelUsage(target)
    if as_json:
        print_json(usage.record_json(record) | {"signature": _signature_json(record)})
        return
    unpacked = "unknown" if record.unpacked_bytes is None else size_text(record.unpacked_bytes)
    published = f"{record.last_modified:%Y-%m-%d %H:%M:%S} UTC, {age_text(record.last_modified)} ago"
    print_line(f"model     {record.target_model}")
    print_line(f"address   {store.url}{record.target_model}")
    print_line(f"size      {size_text(record.size)}, {unpacked} unpacked")
    print_line(f"published {published}")
    print_line(f"digest    {record.digest or 'none; mme did not publish it'}")
    print_line(f"aliases   {', '.join(usage.aliases_of(record)) or 'none'}")
    print_line(f"loaded    {usage.loaded_text(record)}")
    signature = record.signature
    if signature is None or not (signature.inputs or signature.outputs):
        print_line("tensors   unknown; config.pbtxt declares none")
        return
    size = signature.max_batch_size
    # 0 means that the shapes have no batch dimension.
    print_line(f"runs on   {signature.platform}, {f'batches of up to {size}' if size else 'no batching'}")
    table = plain_table("TENSOR", "KIND", "TYPE", "SHAPE")
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            table.add_row(spec.name, kind, spec.kind, str(list(signature.request_shape(spec))))
    print_table(table)


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help=MODEL_HELP, metavar="A")],
    after: Annotated[str, typer.Argument(help="The one to compare it with.", metavar="B")],
    as_json: Json = False,
) -> None:
    """Show what changed between two versions: files, sizes, tensors, configuration.

    Example: mme models diff add_sub_v0.tar.gz add_sub_v1.tar.gz
    """
    from mme.registry.comparison import compare

    target = target_of(context)
    found = compare(target.store(), target.target_model(before), target.target_model(after))
    if as_json:
        print_json(
            {
                "before": found.before.target_model,
                "after": found.after.target_model,
                "files": [
                    fields(one, "path change=kind before_bytes=before after_bytes=after")
                    for one in found.files
                ],
                "unchanged_files": None if found.identical else found.unchanged,
            }
            | fields(found, "identical signature config")
        )
        return
    if found.identical:
        print_line(f"{found.before.target_model} and {found.after.target_model} have the same content")
        return
    table = plain_table("FILE", "CHANGE", "BEFORE", "AFTER", right=("BEFORE", "AFTER"))
    for one in found.files:
        sizes = ("-" if size is None else size_text(size) for size in (one.before, one.after))
        table.add_row(one.path, one.kind, *sizes)
    print_table(table)
    print_line("1 file is the same" if found.unchanged == 1 else f"{found.unchanged:,} files are the same")
    for line in (*found.signature, *found.config):
        print_line(line, style={"+": "green", "-": "red"}.get(line[:1]))


def verify(
    context: typer.Context,
    models: Annotated[list[str] | None, typer.Argument(help="Default: all.", metavar="[MODEL]...")] = None,
    as_json: Json = False,
) -> None:
    """Read every archive in S3; check that it has the published content and that the container loads it.

    Each is downloaded once, as a stream. The exit status is 1 if anything is wrong.

    Example: mme models verify
    """
    from mme.registry.targets import find_target
    from mme.registry.verification import verify as verify_models

    target = target_of(context)
    store = target.store()
    asked = dict.fromkeys(map(target.target_model, models or ()))
    records = [find_target(store, model) for model in asked] if models else store.records()
    with reading("verifying", sum(record.size for record in records)) as progress:
        bar = progress.task_ids[0]
        found = verify_models(store, records, on_bytes=lambda count: progress.advance(bar, count))
    intact = sum(not one.problems for one in found)
    if as_json:
        print_json(
            [
                {"model": one.record.target_model, "ok": not one.problems} | fields(one, "problems notes")
                for one in found
            ]
        )
    elif not found:
        print_note("no models", f"in {store.url}")
    else:
        _print_verified(found)
        total = size_text(sum(one.record.size for one in found))
        print_line(f"{intact} of {len(found)} models are intact, {total} read")
    if intact < len(found):
        raise typer.Exit(1)


class _ModelUsage:
    """The aliases of a deployment, and the models that its instances have loaded."""

    def __init__(self, target: Target) -> None:
        from mme.registry.loaded import loaded_models

        self._aliases: dict[str, list[str]] = {}
        listing = target.aliases().all()
        print_unreadable(listing)
        for alias in listing.aliases:
            self._aliases.setdefault(alias.target, []).append(alias.alias)
        self._loaded = loaded_models(target.settings.aws_url, target.deployment.endpoint_name)

    def aliases_of(self, record: ModelRecord) -> list[str]:
        return self._aliases.get(record.target_model, [])

    def loaded_text(self, record: ModelRecord) -> str:
        if self._loaded is None:
            return "unknown"
        return "yes" if record.target_model in self._loaded else "no"

    def record_json(self, record: ModelRecord) -> dict[str, Any]:
        names = "model=target_model name version size_bytes=size unpacked_bytes last_modified digest"
        # null: unknown
        loaded = None if self._loaded is None else record.target_model in self._loaded
        return fields(record, names) | {"aliases": self.aliases_of(record), "loaded": loaded}


def _signature_json(record: ModelRecord) -> dict[str, Any] | None:
    signature = record.signature
    if signature is None:
        return None

    def tensors(specs: Sequence[Any]) -> list[dict[str, Any]]:
        return [
            fields(one, "name datatype optional") | {"shape": signature.request_shape(one)} for one in specs
        ]

    tensors_json = {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}
    return fields(signature, "platform max_batch_size") | tensors_json


def _print_verified(found: Sequence[Verified]) -> None:
    table = plain_table("MODEL", "STATE", "REASON")
    for one in found:
        for state, lines in ((styled("wrong", "red"), one.problems), ("note", one.notes)):
            for line in lines:
                table.add_row(one.record.target_model, state, line)
    if table.rows:
        print_table(table)

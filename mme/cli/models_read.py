"""`mme models list`, `show`, `diff` and `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mme.registry import ModelRecord
    from mme.registry.aliases import Alias

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def list_models(
    context: typer.Context,
    start: Annotated[
        str, typer.Argument(help="Only names with this prefix, for example tenant-a/.", metavar="[PREFIX]")
    ] = "",
    as_json: _Json = False,
) -> None:
    """List the published models: version, size, age, aliases, and whether an instance has them loaded.

    LOADED is known for the local endpoint only; SageMaker has no API for this.

    Example: mme models list tenant-a/ --json
    """
    from mme.cli.deployment import target_of
    from mme.console import age_text, plain_table, print_json, print_note, print_table, size_text
    from mme.registry.loaded import loaded_models

    target = target_of(context)
    store = target.store()
    records = store.records(start)
    pointing = _by_target(target.aliases().all())
    loaded = loaded_models(target.settings.aws_url, target.deployment.endpoint_name)
    if as_json:
        print_json([_record_json(record, pointing, loaded) for record in records])
        return
    if not records:
        place = f"with the prefix {start} in {store.url}" if start else f"in {store.url}"
        print_note("no models", f"{place}; publish one: {target.command} models add PATH")
        return
    table = plain_table(
        "MODEL", "VERSION", "SIZE", "AGE", "ALIAS", "LOADED", "DIGEST", right=("VERSION", "SIZE")
    )
    for record in records:
        table.add_row(
            record.target_model,
            "-" if record.version is None else str(record.version),
            size_text(record.size),
            age_text(record.last_modified),
            ", ".join(pointing.get(record.target_model, [])) or "-",
            "unknown" if loaded is None else "yes" if record.target_model in loaded else "no",
            (record.digest or "-")[:12],
        )
    print_table(table)


def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="An archive, or an alias.", metavar="MODEL")],
    as_json: _Json = False,
) -> None:
    """Show one model: tensors, sizes, digest, aliases.

    Example: mme models show add_sub_v0.tar.gz
    """
    from mme.cli.deployment import target_of
    from mme.console import age_text, plain_table, print_json, print_table, size_text, standard_output
    from mme.registry.aliases import is_alias
    from mme.registry.loaded import loaded_models
    from mme.registry.targets import find_target

    target = target_of(context)
    aliases = target.aliases()
    name = aliases.resolve(model) if is_alias(model) else model
    store = target.store()
    record = find_target(store, name)
    pointing = _by_target(aliases.all())
    loaded = loaded_models(target.settings.aws_url, target.deployment.endpoint_name)
    if as_json:
        print_json(_record_json(record, pointing, loaded) | {"signature": _signature_json(record)})
        return
    known = "unknown" if loaded is None else "yes" if name in loaded else "no"
    unpacked = "unknown" if record.unpacked_bytes is None else size_text(record.unpacked_bytes)
    lines = [
        ("model", record.target_model),
        ("address", f"{store.url}{record.target_model}"),
        ("size", f"{size_text(record.size)}, {unpacked} unpacked"),
        ("published", f"{record.last_modified:%Y-%m-%d %H:%M:%S} UTC, {age_text(record.last_modified)} ago"),
        ("digest", record.digest or "none; mme did not publish it"),
        ("aliases", ", ".join(pointing.get(name, [])) or "none"),
        ("loaded", known),
    ]
    out = standard_output()
    for label, value in lines:
        out.print(f"{label:<10}{value}", markup=False, soft_wrap=True)
    signature = record.signature
    if signature is None or not (signature.inputs or signature.outputs):
        out.print(f"{'tensors':<10}unknown; config.pbtxt declares none", markup=False, soft_wrap=True)
        return
    size = signature.max_batch_size
    # 0 means that the shapes have no batch dimension.
    batching = f"batches of up to {size}" if size else "no batching"
    out.print(f"{'runs on':<10}{signature.platform}, {batching}", markup=False)
    table = plain_table("TENSOR", "KIND", "TYPE", "SHAPE")
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            table.add_row(spec.name, kind, spec.datatype, str(list(signature.request_shape(spec))))
    print_table(table)


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="An archive, or an alias.", metavar="A")],
    after: Annotated[str, typer.Argument(help="Another archive, or an alias.", metavar="B")],
    as_json: _Json = False,
) -> None:
    """Show what changed between two versions: files, sizes, tensors, configuration.

    Example: mme models diff add_sub_v0.tar.gz add_sub_v1.tar.gz
    """
    from mme.cli.deployment import target_of
    from mme.console import plain_table, print_json, print_table, size_text, standard_output
    from mme.registry.aliases import is_alias
    from mme.registry.comparison import compare

    target = target_of(context)
    first, second = (target.aliases().resolve(one) if is_alias(one) else one for one in (before, after))
    found = compare(target.store(), first, second)
    if as_json:
        print_json(
            {
                "before": found.before.target_model,
                "after": found.after.target_model,
                "identical": found.identical,
                "files": [
                    {
                        "path": one.path,
                        "change": one.kind,
                        "before_bytes": one.before,
                        "after_bytes": one.after,
                    }
                    for one in found.files
                ],
                "unchanged_files": None if found.identical else found.unchanged,
                "signature": list(found.signature),
                "config": list(found.config),
            }
        )
        return
    out = standard_output()
    if found.identical:
        out.print(f"{first} and {second} have the same content", markup=False, soft_wrap=True)
        return
    table = plain_table("FILE", "CHANGE", "BEFORE", "AFTER", right=("BEFORE", "AFTER"))
    for one in found.files:
        sizes = ("-" if size is None else size_text(size) for size in (one.before, one.after))
        table.add_row(one.path, one.kind, *sizes)
    print_table(table)
    same = "1 file is" if found.unchanged == 1 else f"{found.unchanged:,} files are"
    out.print(f"{same} the same", markup=False, soft_wrap=True)
    for line in (*found.signature, *found.config):
        colour = {"+": "green", "-": "red"}.get(line[:1])
        out.print(line, style=colour, markup=False, soft_wrap=True)


def verify(
    context: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(help="Archives. Default: all.", metavar="[MODEL]...")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Read every archive in S3; check that it has the published content and that the container loads it.

    Each is downloaded once, as a stream. The exit status is 1 if anything is wrong.

    Example: mme models verify
    """
    from mme.cli.deployment import target_of
    from mme.cli.progress import reading
    from mme.console import plain_table, print_json, print_note, print_table, size_text, standard_output
    from mme.registry.targets import find_target
    from mme.registry.verification import verify as verify_models

    store = target_of(context).store()
    records = [find_target(store, model) for model in dict.fromkeys(models)] if models else store.records()
    with reading("verifying", sum(record.size for record in records)) as progress:
        bar = progress.task_ids[0]
        found = verify_models(store, records, on_bytes=lambda count: progress.advance(bar, count))
    broken = [one for one in found if one.problems]
    if as_json:
        print_json(
            [
                {
                    "model": one.record.target_model,
                    "ok": not one.problems,
                    "problems": list(one.problems),
                    "notes": list(one.notes),
                }
                for one in found
            ]
        )
    elif not found:
        print_note("no models", f"in {store.url}")
    else:
        if broken or any(one.notes for one in found):
            table = plain_table("MODEL", "STATE", "REASON")
            for one in found:
                for line in one.problems:
                    table.add_row(one.record.target_model, "[red]wrong[/]", line)
                for line in one.notes:
                    table.add_row(one.record.target_model, "note", line)
            print_table(table)
        total = size_text(sum(one.record.size for one in found))
        standard_output().print(f"{len(found) - len(broken)} of {len(found)} models are intact, {total} read")
    if broken:
        raise typer.Exit(1)


def _by_target(aliases: Sequence[Alias]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for alias in aliases:
        found.setdefault(alias.target, []).append(alias.alias)
    return found


def _record_json(
    record: ModelRecord, pointing: dict[str, list[str]], loaded: frozenset[str] | None
) -> dict[str, Any]:
    return {
        "model": record.target_model,
        "name": record.name,
        "version": record.version,
        "size_bytes": record.size,
        "unpacked_bytes": record.unpacked_bytes,
        "last_modified": record.last_modified,
        "digest": record.digest,
        "aliases": pointing.get(record.target_model, []),
        # null: unknown
        "loaded": None if loaded is None else record.target_model in loaded,
    }


def _signature_json(record: ModelRecord) -> dict[str, Any] | None:
    signature = record.signature
    if signature is None:
        return None
    return {
        "platform": signature.platform,
        "max_batch_size": signature.max_batch_size,
        **{
            kind: [
                {"name": spec.name, "datatype": spec.datatype, "shape": list(signature.request_shape(spec))}
                for spec in specs
            ]
            for kind, specs in (("inputs", signature.inputs), ("outputs", signature.outputs))
        },
    }

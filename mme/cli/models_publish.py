"""`mme models new`, `pack` and `add`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mme.cli.deployment import target_of
from mme.cli.options import Json
from mme.cli.progress import publishing, reading
from mme.console import (
    ended_by_signals,
    fields,
    plain_table,
    print_json,
    print_line,
    print_note,
    print_table,
    size_text,
    styled,
)

FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="Pack what symbolic links within the directory point at.")
]

if TYPE_CHECKING:
    from rich.text import Text

    from mme.archives.check import CheckedModel
    from mme.archives.endpoint_traits import EndpointTraits
    from mme.registry.publishing import Published


def pack(
    path: Annotated[str, typer.Argument(help="The model's directory.", metavar="PATH", path_type=str)],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="The archive to write. Default: NAME.tar.gz here.", metavar="FILE"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    follow_links: FollowLinks = False,
    as_json: Json = False,
) -> None:
    """Pack a model into the archive that `add` would upload. The same files give the same bytes.

    Example: mme models pack model_registry/add_sub -o add_sub.tar.gz
    """
    from mme.registry.packed_file import pack_to_file

    with reading("packing", 0) as progress:

        def advanced(done: int, total: int) -> None:
            progress.update(progress.task_ids[0], completed=done, total=total)

        packed = pack_to_file(path, output, replace=force, follow_links=follow_links, on_progress=advanced)
    if as_json:
        print_json({"archive": str(packed.path)} | fields(packed, "size_bytes=size unpacked_bytes digest"))
        return
    sizes = f"{size_text(packed.size)}, {size_text(packed.unpacked_bytes)} unpacked"
    print_line(f"packed {packed.path}: {sizes}, digest {packed.digest[:12]}")


def add(
    context: typer.Context,
    paths: Annotated[
        list[str],
        # Not as Path, which turns an empty string into the working directory.
        typer.Argument(
            help="A model's directory, or a registry: a directory of them.",
            metavar="PATH...",
            path_type=str,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Publish one model under this name; / makes folders: tenant-a/add_sub."),
    ] = None,
    follow_links: FollowLinks = False,
    as_json: Json = False,
) -> None:
    """Pack models and publish each as its next free version. Unchanged models are skipped.

    Everything is checked before anything is uploaded. Run it again to resume after an interruption.

    Example: mme models add model_registry/add_sub
    """
    from mme.archives.packing import tar_size
    from mme.registry.candidates import find_models
    from mme.registry.names import check_name
    from mme.registry.publishing import publish_all

    if name is not None:
        check_name(name)
    found = find_models(paths, follow_links=follow_links)
    for directory in (one.directory for one in found.models if one.directory.left_out):
        print_note("left out", f"{directory.name}: {directory.left_out_text}")
    # A model of Triton without warnings needs no request for what the endpoint is.
    if any(model.warnings or model.framework != "triton" for model in found.models):
        _print_warnings(found.models, target_of(context).endpoint_traits())
    for skipped in found.skipped:
        print_note("skipped", f"{skipped.name}: {skipped.reason}")
    published: list[Published] = []
    if found.models:
        store = target_of(context).store()
        size = sum(tar_size(one.directory) for one in found.models)
        with ended_by_signals(), publishing(len(found.models), size) as listener:
            published = publish_all(store, found.models, listener, name=name)
        if any(one.helpers for one in found.models):
            from mme.registry.shared_names import shared_names

            for text in shared_names(store, found.models, published):
                print_note("warning", text)
    if as_json:
        names = "model=target_model name version created latest unpacked_bytes size_bytes=size digest"
        skips = [asdict(one) for one in found.skipped]
        print_json({"published": [fields(one, names) for one in published], "skipped": skips})
    elif published:
        _print_published(published)
    else:
        print_note("nothing", "to publish")


def _print_warnings(models: Sequence[CheckedModel], endpoint: EndpointTraits | None) -> None:
    """Print what may fail: on the endpoint if it is known, else on any."""
    from mme.archives.check import faults_on

    for model in models:
        for fault in faults_on(model, endpoint) if endpoint else model.warnings:
            print_note("warning", f"{model.directory.name}: {fault.message}; {fault.hint}")


def _print_published(published: list[Published]) -> None:
    table = plain_table("MODEL", "OUTCOME", "UNPACKED", "DIGEST", right=("UNPACKED",))
    for one in published:
        if one.created:
            outcome: str | Text = styled("published", "green")
        elif one.latest:
            outcome = "unchanged"
        else:
            outcome = "unchanged: this older version has the same content"
        table.add_row(one.target_model, outcome, size_text(one.unpacked_bytes), one.digest[:12])
    print_table(table)

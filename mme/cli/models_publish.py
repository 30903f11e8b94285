"""`mme models new`, `pack` and `add`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mme.registry import Published, Skipped

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the model is called.", metavar="NAME")],
    backend: Annotated[
        str, typer.Option("--backend", help="What runs it: python, onnx or pytorch.", metavar="BACKEND")
    ] = "python",
    parent: Annotated[str, typer.Option("--in", help="The directory to make it in.", metavar="PATH")] = ".",
    as_json: _Json = False,
) -> None:
    """Begin a model: a directory that packs, publishes and loads as it is, to put your own model in.

    Example: mme models new doubler --backend python --in model_registry
    """
    from mme.cli.deployment import target_of
    from mme.console import print_json, standard_output
    from mme.registry.skeletons import new_model

    made = new_model(name, backend, parent)
    if as_json:
        print_json(
            {
                "directory": str(made.directory),
                "files": [str(path) for path in made.files],
                "next_step": made.next_step,
            }
        )
        return
    out = standard_output()
    for path in made.files:
        out.print(f"wrote {path}", markup=False, soft_wrap=True)
    if made.next_step:
        out.print(f"next: {made.next_step}", markup=False, soft_wrap=True)
    out.print(f"then: {target_of(context).command} models add {made.directory}", markup=False, soft_wrap=True)


def pack(
    path: Annotated[str, typer.Argument(help="The model's directory.", metavar="PATH", path_type=str)],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="The archive to write. Default: NAME.tar.gz here.", metavar="FILE"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: _Json = False,
) -> None:
    """Pack a model into the archive that `add` would upload: the same bytes each time.

    Example: mme models pack model_registry/add_sub -o add_sub.tar.gz
    """
    from mme.cli.progress import reading
    from mme.console import print_json, size_text, standard_output
    from mme.registry.packed_file import pack_to_file

    with reading("packing", 0) as progress:

        def advanced(done: int, total: int) -> None:
            progress.update(progress.task_ids[0], completed=done, total=total)

        packed = pack_to_file(path, output, replace=force, on_progress=advanced)
    if as_json:
        print_json(
            {
                "archive": str(packed.path),
                "size_bytes": packed.size,
                "unpacked_bytes": packed.unpacked_bytes,
                "digest": packed.digest,
            }
        )
        return
    sizes = f"{size_text(packed.size)}, {size_text(packed.unpacked_bytes)} unpacked"
    standard_output().print(
        f"packed {packed.path}: {sizes}, digest {packed.digest[:12]}", markup=False, soft_wrap=True
    )


def add(
    context: typer.Context,
    paths: Annotated[
        list[str],
        # Not as Path, which makes the working directory of an empty word.
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
    as_json: _Json = False,
) -> None:
    """Pack models and publish each as its next free version. Content that is there already stays as it is.

    Everything is checked before anything is uploaded. After an interruption the same command goes on.

    Example: mme models add model_registry/add_sub
    """
    from mme.archives.packing import tar_size
    from mme.cli.deployment import target_of
    from mme.cli.ending import cleaned_up_when_ended
    from mme.cli.progress import publishing
    from mme.console import print_json, print_note
    from mme.registry import Journal, find_models, publish_all
    from mme.registry.names import check_name

    if name is not None:
        check_name(name)
    journal = Journal.of_user()
    found = find_models(paths, journal)
    for skipped in found.skipped:
        print_note("skipped", f"{skipped.name}: {skipped.reason}")
    if not found.models:
        outcomes = []
    else:
        store = target_of(context).store()
        size = sum(tar_size(one.directory) for one in found.models)
        with cleaned_up_when_ended(), publishing(len(found.models), size) as listener:
            outcomes = publish_all(store, found.models, listener, name=name, journal=journal)
    if as_json:
        print_json(_published_json(outcomes, found.skipped))
    elif outcomes:
        _print_published(outcomes)
    else:
        print_note("nothing", "to publish")


def _print_published(outcomes: list[Published]) -> None:
    from mme.console import plain_table, print_table, size_text

    table = plain_table("MODEL", "OUTCOME", "UNPACKED", "DIGEST", right=("UNPACKED",))
    for outcome in outcomes:
        if outcome.created:
            words = "[green]published[/]"
        elif outcome.latest:
            words = "unchanged"
        else:
            words = "unchanged: this older version has the same content"
        table.add_row(outcome.target_model, words, size_text(outcome.unpacked_bytes), outcome.digest[:12])
    print_table(table)


def _published_json(outcomes: list[Published], skipped: tuple[Skipped, ...]) -> dict[str, object]:
    return {
        "published": [
            {
                "model": outcome.target_model,
                "name": outcome.name,
                "version": outcome.version,
                "created": outcome.created,
                "latest": outcome.latest,
                "unpacked_bytes": outcome.unpacked_bytes,
                "size_bytes": outcome.size,
                "digest": outcome.digest,
            }
            for outcome in outcomes
        ],
        "skipped": [{"name": one.name, "reason": one.reason} for one in skipped],
    }

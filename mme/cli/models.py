"""`mme models`: what is published, and publishing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from mme.registry import ModelRecord, Published, PublishListener, Skipped

app = typer.Typer(name="models", help="Publish models to the endpoint and list them.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
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
        str | None, typer.Option("--name", help="Publish one model under this name, e.g. tenant-a/add_sub.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Pack models and publish each as its next free version. Content that is there already stays as it is.

    Everything is checked before anything is uploaded.

    Example: mme models add model_registry/add_sub
    """
    from mme.cli.console import print_json, print_note
    from mme.cli.deployment import target_of
    from mme.registry import find_models, publish_all
    from mme.registry.names import check_name

    if name is not None:
        check_name(name)
    found = find_models(paths)
    for skipped in found.skipped:
        print_note("skipped", f"{skipped.name}: {skipped.reason}")
    if not found.models:
        outcomes = []
    else:
        store = target_of(context).store()
        with _progress(len(found.models)) as listener:
            outcomes = publish_all(store, found.models, listener, name=name)
    if as_json:
        print_json(_published_json(outcomes, found.skipped))
    elif outcomes:
        _print_published(outcomes)
    else:
        print_note("nothing", "to publish")


@app.command("list")
def list_models(context: typer.Context, as_json: _Json = False) -> None:
    """List the published models: version, size, age and digest.

    Example: mme models list --json
    """
    from mme.cli.console import age_text, plain_table, print_json, print_note, size_text, standard_output
    from mme.cli.deployment import target_of

    store = target_of(context).store()
    records = store.records()
    if as_json:
        print_json([_record_json(record) for record in records])
        return
    if not records:
        print_note("no models", f"in {store.url}; publish one: mme models add PATH")
        return
    table = plain_table("MODEL", "VERSION", "SIZE", "AGE", "DIGEST", right=("VERSION", "SIZE", "AGE"))
    for record in records:
        table.add_row(
            record.target_model,
            "-" if record.version is None else str(record.version),
            size_text(record.size),
            age_text(record.last_modified),
            (record.digest or "-")[:12],
        )
    standard_output().print(table)


@contextmanager
def _progress(count: int) -> Iterator[PublishListener]:
    """Bars for the models under way and one for them all, gone when done; nothing where nobody looks."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from mme.cli.console import standard_error

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = standard_error()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bars(progress, count)


class _Bars:
    """Turns a publishing's news into bars. rich's own lock makes them safe from several threads."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._done = 0
        self._count = count
        self._all = progress.add_task(self._title(), total=0)

    def advanced(self, model: str, done: int, total: int) -> None:
        if model not in self._bars:
            self._bars[model] = self._progress.add_task(model, total=total)
            known = self._progress.tasks[0].total or 0
            self._progress.update(self._all, total=known + total)
        before = next(task.completed for task in self._progress.tasks if task.id == self._bars[model])
        self._progress.update(self._bars[model], completed=done)
        self._progress.advance(self._all, done - before)

    def finished(self, outcome: Published) -> None:
        self._done += 1
        self._progress.update(self._all, description=self._title())
        bar = self._bars.get(outcome.name)
        if bar is not None:
            self._progress.update(bar, visible=False)

    def _title(self) -> str:
        return f"{self._done} of {self._count} models"


def _print_published(outcomes: list[Published]) -> None:
    from mme.cli.console import plain_table, size_text, standard_output

    table = plain_table("MODEL", "OUTCOME", "UNPACKED", "DIGEST", right=("UNPACKED",))
    for outcome in outcomes:
        if outcome.created:
            words = "[green]published[/]"
        elif outcome.latest:
            words = "unchanged"
        else:
            words = "unchanged: this older version has the same content"
        table.add_row(outcome.target_model, words, size_text(outcome.unpacked_bytes), outcome.digest[:12])
    standard_output().print(table)


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
                "digest": outcome.digest,
            }
            for outcome in outcomes
        ],
        "skipped": [{"name": one.name, "reason": one.reason} for one in skipped],
    }


def _record_json(record: ModelRecord) -> dict[str, object]:
    return {
        "model": record.target_model,
        "name": record.name,
        "version": record.version,
        "size_bytes": record.size,
        "unpacked_bytes": record.unpacked_bytes,
        "last_modified": record.last_modified,
        "digest": record.digest,
    }

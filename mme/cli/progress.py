"""Long work: progress bars and reports of retries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mme.console import one_line, print_note, standard_error

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from mme.registry.publishing import Published, PublishListener

_SHOWN_RETRIES: Final = 3


@contextmanager
def publishing(count: int, total_bytes: int) -> Iterator[PublishListener]:
    """Show the progress of publishing: one bar per model in progress and one for all. Terminals only.

    Args:
        count: Number of models.
        total_bytes: Size of all models, in bytes.
    """
    with _byte_bars() as progress:
        listener = _PublishBars(progress, count, total_bytes)
        yield listener
        listener.end()


@contextmanager
def reading(description: str, total_bytes: int) -> Iterator[Progress]:
    """Show one bar for bytes that are read; its task is the first. Terminals only.

    Args:
        description: Text before the bar.
        total_bytes: Bytes to read.
    """
    with _byte_bars() as progress:
        progress.add_task(description, total=total_bytes)
        yield progress


def bars(*columns: ProgressColumn) -> Progress:
    """Return progress bars on standard error, terminals only: a description and these columns."""
    from rich.progress import Progress, TextColumn

    console = standard_error()
    description = TextColumn("{task.description}", markup=False)
    return Progress(description, *columns, console=console, transient=True, disable=not console.is_terminal)


def counted_bars() -> Progress:
    """Return bars with `done/total` and the remaining time."""
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    return bars(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def _byte_bars() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    return bars(BarColumn(24), DownloadColumn(), TimeRemainingColumn())


class _PublishBars:
    """Receives the progress of publishing, from many threads."""

    def __init__(self, progress: Progress, count: int, total_bytes: int) -> None:
        self._progress = progress
        self._bars: dict[str, tuple[TaskID, int]] = {}
        self._lock = threading.Lock()
        self._done = 0
        self._count = count
        self._retries = 0
        self._all = progress.add_task(self._title(), total=total_bytes)

    def advanced(self, model: str, done: int, total: int) -> None:
        with self._lock:
            if self._progress.disable:
                return
            if model in self._bars:
                bar, before = self._bars[model]
            else:
                bar, before = self._progress.add_task(f"  {one_line(model)}", total=total), 0
            self._bars[model] = bar, done
            self._progress.update(bar, completed=done)
            self._progress.advance(self._all, done - before)

    def finished(self, published: Published) -> None:
        with self._lock:
            self._done += 1
            self._progress.update(self._all, description=self._title())
            # A bar has the name of its directory. With --name they differ, but then there is only one model.
            bar = self._bars.pop(published.name, None)
            if bar is not None:
                self._progress.remove_task(bar[0])

    def retried(self, reason: str) -> None:
        with self._lock:
            self._retries += 1
            number = self._retries
        if number <= _SHOWN_RETRIES:
            more = "; further retries are counted, not shown" if number == _SHOWN_RETRIES else ""
            print_note("retrying", f"S3 answered {reason}{more}")

    def end(self) -> None:
        """Print the number of retries if not all were shown."""
        if self._retries > _SHOWN_RETRIES:
            print_note("retried", f"{self._retries} requests in all, successfully")

    def _title(self) -> str:
        return f"{self._done} of {self._count} models"

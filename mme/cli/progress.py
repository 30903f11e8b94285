"""Progress bars for work on many models: one for each in progress and one for all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from mme.registry import Published, PublishListener

_SHOWN_RETRIES: Final = 3


@contextmanager
def publishing(count: int, total_bytes: int) -> Iterator[PublishListener]:
    """Show the progress of publishing, on a terminal only.

    Args:
        count: Number of models.
        total_bytes: Their size.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from mme.console import standard_error

    columns = (TextColumn("{task.description}"), BarColumn(24), DownloadColumn(), TimeRemainingColumn())
    console = standard_error()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        listener = _Bars(progress, count, total_bytes)
        yield listener
        listener.end()


@contextmanager
def reading(description: str, total_bytes: int) -> Iterator[Progress]:
    """Show the progress of reading, on a terminal only; its task is the first.

    Args:
        description: What is read.
        total_bytes: Its size.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from mme.console import standard_error

    columns = (TextColumn("{task.description}"), BarColumn(24), DownloadColumn(), TimeRemainingColumn())
    console = standard_error()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(description, total=total_bytes)
        yield progress


class _Bars:
    """Shows the events of publishing as bars. Called by many threads."""

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
                bar, before = self._progress.add_task(f"  {model}", total=total), 0
            self._bars[model] = bar, done
            self._progress.update(bar, completed=done)
            self._progress.advance(self._all, done - before)

    def finished(self, outcome: Published) -> None:
        with self._lock:
            self._done += 1
            self._progress.update(self._all, description=self._title())
            # The bar's name is the directory's, which --name may differ from; then there is one model only.
            bar = self._bars.pop(outcome.name, None)
            if bar is not None:
                self._progress.remove_task(bar[0])

    def retried(self, reason: str) -> None:
        from mme.console import print_note

        with self._lock:
            self._retries += 1
            shown = self._retries
        if shown <= _SHOWN_RETRIES:
            more = "; further retries are only counted" if shown == _SHOWN_RETRIES else ""
            print_note("retrying", f"S3 answered {reason}{more}")

    def end(self) -> None:
        """Print the number of retries, if not all were printed."""
        from mme.console import print_note

        if self._retries > _SHOWN_RETRIES:
            print_note("retried", f"{self._retries} requests in total, successfully")

    def _title(self) -> str:
        return f"{self._done} of {self._count} models"

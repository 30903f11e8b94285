"""Publishing many models at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Final, Protocol

from mme.archives import TritonModel
from mme.errors import MmeError
from mme.registry.model_store import ModelStore
from mme.registry.publication import Published, publish

PARALLEL: Final = 4
"""Models under way at once: each may hold a few parts of 8 MiB."""


class PublishListener(Protocol):
    """Hears how the publishing goes, from the publishing threads."""

    def advanced(self, model: str, done: int, total: int) -> None:
        """`done` of `total` bytes of work on one model."""

    def finished(self, outcome: Published) -> None:
        """One model is there."""


class _Silent:
    def advanced(self, model: str, done: int, total: int) -> None:
        """Nobody listens."""

    def finished(self, outcome: Published) -> None:
        """Nobody listens."""


class _StoppedError(Exception):
    """Another model failed, or the user pressed Ctrl-C."""


def publish_all(
    store: ModelStore,
    models: Sequence[TritonModel],
    listener: PublishListener | None = None,
    *,
    name: str | None = None,
) -> list[Published]:
    """Publishes checked models, four at a time.

    The first failure stops the others at their next block; what they had sent so far is aborted. Models that
    were done by then stay published: each is whole, and publishing it again changes nothing.

    Args:
        store: where to.
        models: from `find_models`.
        listener: hears of progress.
        name: what to call it, where there is one model only. Default: its directory's name.

    Returns:
        what came of each, in the order given.

    Raises:
        MmeError: as `publish` does.
    """
    if name is not None and len(models) != 1:
        raise MmeError(
            f"{len(models)} models can't all be called {name}", hint="give --name with one model's directory"
        )
    heard = listener or _Silent()
    stop = threading.Event()

    def run(model: TritonModel) -> Published:
        def advanced(done: int, total: int) -> None:
            if stop.is_set():
                raise _StoppedError
            heard.advanced(model.directory.name, done, total)

        outcome = publish(store, model, name=name, on_progress=advanced)
        heard.finished(outcome)
        return outcome

    pool = ThreadPoolExecutor(PARALLEL)
    futures: list[Future[Published]] = []
    try:
        futures = [pool.submit(run, model) for model in models]
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        # Also on Ctrl-C: the threads then end at their next block and abort what they had begun.
        if not all(future.done() and not future.exception() for future in futures):
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error and not isinstance(error, _StoppedError):
            raise error
    return [future.result() for future in futures]

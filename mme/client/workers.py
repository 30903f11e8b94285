"""A bounded pool of daemon threads, which never keep a program from ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class _Done(Generic[Result]):
    index: int
    result: Result | None = None
    error: BaseException | None = None


def run_bounded(
    work: Callable[[int, Item, Event], Result],
    items: Iterable[Item],
    *,
    concurrency: int,
    ordered: bool,
    progress: Callable[[Result], None] | None = None,
) -> Iterator[Result]:
    """Run work on each item in at most `concurrency` threads, and yield the results.

    Items are taken only as fast as results are consumed, so both may be endless. Threads end with the
    iterator; work that waits on its event ends at once.

    Args:
        work: Receives the item's number, the item, and an event that is set when no more results are needed.
        items: Consumed in the calling thread.
        concurrency: Number of threads.
        ordered: Yield results in the order of their items instead of as they complete.
        progress: Called in the calling thread with each result as it completes.

    Raises:
        BaseException: The first error that `work` raises; it ends the iterator.
    """
    stop = Event()
    todo: SimpleQueue[tuple[int, Item] | None] = SimpleQueue()
    done: SimpleQueue[_Done[Result]] = SimpleQueue()
    threads: list[Thread] = []
    source = enumerate(items)
    waiting: dict[int, Result] = {}
    begun = ended = 0
    more = True
    try:
        while True:
            while more and begun - ended < concurrency * _AHEAD:
                pair = next(source, None)
                if pair is None:
                    more = False
                    break
                todo.put(pair)
                begun += 1
                if len(threads) < concurrency:
                    threads.append(
                        Thread(
                            target=_serve,
                            args=(work, todo, done, stop),
                            name=f"mme-call-{len(threads)}",
                            daemon=True,
                        )
                    )
                    threads[-1].start()
            if begun == ended:
                return
            one = done.get()
            if one.error is not None:
                raise one.error
            result: Result = one.result  # type: ignore[assignment]
            if progress:
                progress(result)
            waiting[one.index] = result
            while waiting:
                index = ended if ordered else next(iter(waiting))
                if index not in waiting:
                    break
                ended += 1
                yield waiting.pop(index)
    finally:
        stop.set()
        for _ in threads:
            todo.put(None)


def _serve(
    work: Callable[[int, Item, Event], Result],
    todo: SimpleQueue[tuple[int, Item] | None],
    done: SimpleQueue[_Done[Result]],
    stop: Event,
) -> None:
    while (pair := todo.get()) is not None and not stop.is_set():
        index, item = pair
        try:
            done.put(_Done(index, result=work(index, item, stop)))
        except BaseException as error:  # re-raised in the consuming thread
            done.put(_Done(index, error=error))

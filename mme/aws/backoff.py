"""Exponential backoff with full jitter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator


def backoff_delays(
    first: float,
    longest: float,
    *,
    floor: float = 0.0,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Iterator[float]:
    """Yield the delays between retries, in seconds, without end. The caller sleeps and counts.

    Each delay is random below a bound that doubles, so that callers that failed together don't retry together
    (AWS Architecture Blog, "Exponential Backoff And Jitter").

    Args:
        first: Bound of the first delay, in seconds.
        longest: Largest bound, in seconds.
        floor: Share of the bound that each delay takes at least: 0 is full jitter, 0.5 is equal jitter.
        jitter: Picks a number between two.
    """
    bound = min(first, longest)
    while True:
        yield jitter(floor * bound, bound)
        bound = min(2 * bound, longest)

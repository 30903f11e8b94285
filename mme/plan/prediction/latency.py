"""Distributions of latency: log-spaced histograms, waiting lines, and percentiles of a mixture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS_PER_DECADE: Final = 100
"""A bin is 2.3 % wide."""
_SMALLEST: Final = -5
_LARGEST: Final = 5
BINS: Final = (_LARGEST - _SMALLEST) * BINS_PER_DECADE
"""From 10 microseconds to a day."""
_QUANTILES: Final = (np.arange(64) + 0.5) / 64

Histogram = NDArray[np.float64]
"""Weight of each bin, shape (BINS,)."""


def bins_of(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each time."""
    with np.errstate(divide="ignore"):
        found = (np.log10(np.maximum(seconds, 1e-300)) - _SMALLEST) * BINS_PER_DECADE
    bins: NDArray[np.int64] = np.clip(found, 0, BINS - 1).astype(np.int64)
    return bins


def centres() -> NDArray[np.float64]:
    """Return the geometric centre of each bin, in seconds."""
    centre: NDArray[np.float64] = 10 ** (_SMALLEST + (np.arange(BINS) + 0.5) / BINS_PER_DECADE)
    return centre


def histogram(seconds: NDArray[np.float64]) -> Histogram:
    """Return the histogram of times."""
    return np.bincount(bins_of(seconds), minlength=BINS).astype(np.float64)


def shifted(times: Histogram, seconds: float) -> Histogram:
    """Return a histogram with a constant added to each time.

    Args:
        times: The histogram.
        seconds: What to add.
    """
    return np.bincount(bins_of(centres() + seconds), times, BINS).astype(np.float64)


def percentile(times: Histogram, share: float) -> float:
    """Return the time that a share of all stays below, in seconds; nan if there are none.

    Args:
        times: The histogram.
        share: From 0 to 1.
    """
    total = times.sum()
    if total <= 0:
        return math.nan
    sums = np.cumsum(times)
    # Rounding of sums must not move a percentile to the next bin.
    index = int(np.searchsorted(sums, share * total * (1 - 1e-12)))
    index = min(index, BINS - 1)
    before = float(sums[index - 1]) if index else 0.0
    inside = (share * total - before) / float(times[index]) if times[index] > 0 else 0.5
    return float(10 ** (_SMALLEST + (index + min(1.0, max(0.0, inside))) / BINS_PER_DECADE))


def erlang_c(workers: int, load: float) -> float:
    """Return the probability that a request waits in an M/M/k queue.

    Args:
        workers: Number of workers, k.
        load: Mean busy workers; below k.
    """
    blocked = 1.0  # Erlang B, by its recursion
    for count in range(1, workers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - (load / workers) * (1 - blocked))


@dataclass(frozen=True)
class WarmLatency:
    """The latency of requests whose model is loaded, on one instance.

    Attributes:
        times: Histogram of weight 1.
        utilization: Mean share of busy workers; from 1 on, the queue grows without end.
        mean: Seconds.
    """

    times: Histogram
    utilization: float
    mean: float


def warm_latency(rate: float, workers: int, service: float, cv: float, overhead: float) -> WarmLatency:
    """Return the latency of an M/G/k queue, by the approximation of Allen and Cunneen.

    Args:
        rate: Requests per second of the instance.
        workers: Requests that it works on at once.
        service: Mean seconds of a request.
        cv: Coefficient of variation of that time; its distribution is lognormal.
        overhead: Seconds outside the container.
    """
    load = rate * service
    own = service * _lognormal(cv)
    if load >= workers:
        return WarmLatency(histogram(np.array([1e4])), load / workers, math.inf)
    waits = erlang_c(workers, load)
    # Of those that wait, an exponential time; (1 + cv**2) / 2 corrects for other than exponential service.
    longest = service / (workers - load) * (1 + cv * cv) / 2
    line = -np.log1p(-_QUANTILES) * longest
    times = (1 - waits) * histogram(own + overhead) / len(own)
    both = (own[:, None] + line[None, :]).ravel() + overhead
    times += waits * histogram(both) / len(both)
    return WarmLatency(times, load / workers, service + overhead + waits * longest)


def _lognormal(cv: float) -> NDArray[np.float64]:
    """Return 64 equally likely values with mean 1 and about this coefficient of variation."""
    if cv == 0:
        return np.ones(1)
    sigma = math.sqrt(math.log1p(cv * cv))
    normal = NormalDist()
    values = np.exp(sigma * np.array([normal.inv_cdf(float(q)) for q in _QUANTILES]))
    found: NDArray[np.float64] = values / values.mean()
    return found

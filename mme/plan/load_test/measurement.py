"""The result of a load test: each request's time, model, latency and error; its file."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mme.errors import MmeError
from mme.plan.prediction.latency import BINS_PER_DECADE, bins_of, histogram
from mme.plan.traffic.trace import Trace

_FORMAT: Final = "mme-bench-1"
_APART: Final = 4.0
"""How many times slower cold requests are than warm ones at least; a smaller gap is chance."""
_LATE_SECONDS: Final = 0.05


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a load test measured.

    Attributes:
        trace: The answered requests, at the times at which they should have been sent.
        seconds: Latency of each, from that time: shape (requests,).
        late: How much later each was sent, because all connections were busy.
        errors: Kind of each error; empty = answered.
        planned: Requests of the whole test.
        interrupted: Whether it was ended early.
    """

    trace: Trace
    seconds: NDArray[np.float64]
    late: NDArray[np.float64]
    errors: tuple[str, ...]
    planned: int
    interrupted: bool = False

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which requests got an answer without an error."""
        return np.array([not one for one in self.errors], bool)

    @property
    def error_counts(self) -> dict[str, int]:
        """Errors by kind, most frequent first."""
        return dict(Counter(one for one in self.errors if one).most_common())

    @property
    def late_share(self) -> float:
        """Share of requests that were sent more than 50 ms late."""
        return float((self.late > _LATE_SECONDS).mean())

    @property
    def cold_from(self) -> float:
        """Latency from which a request waited for a load, in seconds; inf if all were warm.

        SageMaker's answer does not tell. Loads take much longer than warm requests, so that the latencies are
        two groups: the limit is the one that separates them best (Otsu's method, on logarithms).
        """
        return _separation(self.seconds[self.answered])

    @property
    def cold(self) -> NDArray[np.bool_]:
        """Which requests waited for a load."""
        return self.answered & (self.seconds >= self.cold_from)

    @property
    def warm(self) -> NDArray[np.bool_]:
        """Which requests were answered and did not wait for a load."""
        return self.answered & (self.seconds < self.cold_from)

    def percentile_ms(self, share: float, which: NDArray[np.bool_] | None = None) -> float:
        """Return the latency that a share of the requests stays below, in ms; nan if there are none.

        Args:
            share: From 0 to 1.
            which: The requests. Default: all that were answered.
        """
        chosen = self.seconds[self.answered if which is None else which]
        return float(np.quantile(chosen, share)) * 1000 if len(chosen) else float("nan")

    def write(self, path: Path) -> None:
        """Write a result file, whole or not at all."""
        kinds = list(dict.fromkeys(self.errors))
        content = {
            "format": _FORMAT,
            "planned": self.planned,
            "interrupted": self.interrupted,
            "models": list(self.trace.names),
            "errors": kinds,
            "at": [round(at, 6) for at in self.trace.seconds.tolist()],
            "model": self.trace.models.tolist(),
            "seconds": [round(one, 6) for one in self.seconds.tolist()],
            "late": [round(one, 6) for one in self.late.tolist()],
            "error": [kinds.index(one) for one in self.errors],
        }
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(content) + "\n", "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def read_measurement(path: Path) -> Measurement:
    """Read a result file of `mme bench`.

    Raises:
        MmeError: It is not one.
    """
    try:
        content: Any = json.loads(path.read_text("utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        names, kinds = [str(one) for one in content["models"]], [str(one) for one in content["errors"]]
        models = np.array(content["model"], np.int32)
        at, seconds, late = (np.array(content[name], np.float64) for name in ("at", "seconds", "late"))
        errors = tuple(kinds[index] for index in content["error"])
        if not len(at) == len(models) == len(seconds) == len(late) == len(errors) or not len(at):
            raise ValueError("its lists differ in length, or are empty")
        if models.min() < 0 or models.max() >= len(names) or (np.diff(at) < 0).any():
            raise ValueError("its requests are not in order, or name no model")
        if not (np.isfinite(seconds).all() and np.isfinite(at).all() and (seconds >= 0).all()):
            raise ValueError("a time is not a number")
        planned, interrupted = int(content["planned"]), bool(content["interrupted"])
    except OSError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise MmeError(
            f"{path} is not a result of mme bench: {error}", hint="write one: mme bench --output FILE"
        ) from error
    return Measurement(Trace(at, models, tuple(names)), seconds, late, errors, planned, interrupted)


def _separation(seconds: NDArray[np.float64]) -> float:
    """Return the latency that separates two groups best; inf if there is one group."""
    counts = histogram(seconds)
    total = counts.sum()
    if total < 2:
        return float("inf")
    index = np.arange(len(counts))
    below = np.cumsum(counts)
    mass = np.cumsum(counts * index)
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = mass / below - (mass[-1] - mass) / above
        between = np.nan_to_num(below * above * distance**2)
    best = float(between.max())
    if best <= 0:
        return float("inf")
    # Any limit in the gap is as good: take the middle.
    limits = np.flatnonzero(between >= best * (1 - 1e-9))
    limit = float(limits[0] + limits[-1]) / 2 + 1
    lowest = float(bins_of(np.array([1e-5]))[0])
    split = 10 ** (-5 + (limit - lowest) / BINS_PER_DECADE)
    fast, slow = seconds[seconds < split], seconds[seconds >= split]
    if not len(fast) or not len(slow) or np.median(slow) < _APART * np.median(fast):
        return float("inf")
    return float(split)

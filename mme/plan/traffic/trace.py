"""The requests of an endpoint in the order of their time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEW_REQUESTS: Final = 1000
"""With fewer requests, the plan states how uncertain its figures are."""

_WINDOWS: Final = 60
_WINDOW_REQUESTS: Final = 200
"""Requests that a window has on average at least, so that its rate is not chance."""


@dataclass(frozen=True)
class Trace:
    """Requests in order.

    Attributes:
        seconds: When each arrives, from any start: float64, shape (requests,), never decreasing.
        models: Index of its model in `names`: int32, shape (requests,).
        names: The TargetModels.
    """

    seconds: NDArray[np.float64]
    models: NDArray[np.int32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.models)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last request; at least the mean distance of two."""
        length = float(self.seconds[-1] - self.seconds[0])
        # The last request's own interval belongs to it.
        return max(length * len(self) / max(1, len(self) - 1), 1e-3)

    @property
    def rate(self) -> float:
        """Mean requests per second."""
        return len(self) / self.duration

    @cached_property
    def peak_rate(self) -> float:
        """Requests per second in the busiest of up to 60 equal parts of the trace."""
        windows = max(1, min(_WINDOWS, len(self) // _WINDOW_REQUESTS))
        if windows == 1:
            return self.rate
        counts, _ = np.histogram(self.seconds, bins=windows)
        return max(self.rate, float(counts.max()) * windows / self.duration)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Requests of each model, shape (models,)."""
        return np.bincount(self.models, minlength=len(self.names))

    def before(self, seconds: float) -> Trace:
        """Return the requests of the first seconds; at least one."""
        count = int(np.searchsorted(self.seconds, self.seconds[0] + seconds))
        return self if count >= len(self) else Trace(self.seconds[:count], self.models[:count], self.names)

    def faster(self, times: float) -> Trace:
        """Return the same requests in a part of the time."""
        return Trace((self.seconds - self.seconds[0]) / times, self.models, self.names)

    def last(self, count: int) -> Trace:
        """Return the last requests."""
        return self if count >= len(self) else Trace(self.seconds[-count:], self.models[-count:], self.names)

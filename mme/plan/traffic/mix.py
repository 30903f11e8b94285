"""Traffic as a mix: a rate, a popularity of each model, and a daily curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mme.errors import MmeError
from mme.plan.traffic.trace import Trace

_HOURS: Final = 24
_LARGEST_RATE: Final = 1e9
_CURVE: Final = "such as --daily 1,1,1,1,1,1,2,4,8,9,9,9,8,9,9,9,8,6,4,3,2,2,1,1"


@dataclass(frozen=True)
class Mix:
    """Requests at random times, each for a model at random.

    Attributes:
        rate: Mean requests per second.
        zipf: Exponent of Zipf's law: the model of rank r has a share proportional to 1 / r**zipf.
        daily: Relative rate of each hour of a day; empty = constant.
    """

    rate: float
    zipf: float = 1.0
    daily: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate < _LARGEST_RATE:
            raise MmeError(
                f"a rate of {self.rate:g} requests/s is not possible", hint="set --rate above 0, such as 50"
            )
        if not 0 <= self.zipf <= 10:
            raise MmeError(
                f"a Zipf exponent of {self.zipf:g} is not possible; usual ones are 0.6 to 1.2",
                hint="set --zipf from 0 (all models equal) to 10",
            )
        if fault := self._curve_fault():
            raise MmeError(f"{fault}; a curve has 24 rates, one for each hour, and some above 0", hint=_CURVE)

    def _curve_fault(self) -> str | None:
        if not self.daily:
            return None
        if len(self.daily) != _HOURS:
            return f"the daily curve has {len(self.daily)} values"
        for hour, rate in enumerate(self.daily):
            if not 0 <= rate < _LARGEST_RATE:
                return f"the daily curve has the rate {rate:g} at hour {hour}"
        return None if any(self.daily) else "the daily curve has the rate 0 at every hour"

    @property
    def peak_rate(self) -> float:
        """Requests per second in the busiest hour."""
        return self.rate * max(self.daily) * _HOURS / sum(self.daily) if self.daily else self.rate

    def shares(self, models: int) -> NDArray[np.float64]:
        """Return the share of each model's requests, most popular first, shape (models,)."""
        weights = np.arange(1, models + 1, dtype=np.float64) ** -self.zipf
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def sample(
        self,
        names: Sequence[str],
        requests: int,
        *,
        seed: int = 1,
        shares: NDArray[np.float64] | None = None,
    ) -> Trace:
        """Return a trace of this mix from midnight on: a Poisson process whose rate follows the daily curve.

        Args:
            names: The TargetModels, most popular first.
            requests: How many.
            seed: Makes the same trace again.
            shares: Share of each model's requests. Default: by Zipf's law.
        """
        rng = np.random.default_rng(seed)
        work = np.cumsum(rng.exponential(1.0, requests))
        models = rng.choice(
            len(names), requests, p=self.shares(len(names)) if shares is None else shares
        ).astype(np.int32)
        return Trace(self._clock(work), models, tuple(names))

    def _clock(self, work: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time at which so many requests were expected."""
        if not self.daily:
            return work / self.rate
        hourly = np.array(self.daily) / sum(self.daily) * _HOURS * self.rate * 3600
        days = int(work[-1] / hourly.sum()) + 2
        hours = np.arange(days * _HOURS + 1, dtype=np.float64) * 3600
        done = np.concatenate([[0.0], np.cumsum(np.tile(hourly, days))])
        clock: NDArray[np.float64] = np.interp(work, done, hours)
        return clock

"""Exponential backoff with jitter, for calls and for messages that return to the queue."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Delays that double up to a limit.

    Attributes:
        first_seconds: Upper bound of the first delay.
        longest_seconds: Upper bound of every delay.
    """

    first_seconds: float
    longest_seconds: float

    def delay(self, attempt: int) -> float:
        """Return a random delay in seconds: between half and all of the attempt's upper bound.

        Args:
            attempt: Number of the failed attempt, from 1.
        """
        bound = min(self.longest_seconds, self.first_seconds * 2 ** (attempt - 1))
        return random.uniform(bound / 2, bound)  # noqa: S311 - spreads retries, not a secret

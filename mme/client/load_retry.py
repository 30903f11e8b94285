"""Retry while a model is loading."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mme.aws.backoff import backoff_delays
from mme.catalog.limits import LOAD_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class LoadRetry:
    """When to retry on ModelNotReadyException: exponential backoff with jitter, until a timeout.

    boto3 does not retry this error in its default mode, so the client does.

    Attributes:
        timeout: Seconds to wait in total. Default: as long as SageMaker lets a model load.
        first: Longest first delay, in seconds; it doubles with each retry.
        longest: Longest delay, in seconds.
        clock: A monotonic clock, in seconds.
        sleep: Waits for a number of seconds.
        jitter: Picks a number between two.
    """

    timeout: float = LOAD_TIMEOUT_SECONDS
    first: float = 0.5
    longest: float = 15.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    def waits(self, stop: threading.Event | None = None) -> Iterator[float]:
        """Sleep before each retry and yield the seconds since the first call; end at the timeout.

        Args:
            stop: Ends a sleep, and the retries, when it is set.
        """
        begin = self.clock()
        # A custom sleep is used as it is: in a test, for example.
        sleep = stop.wait if stop is not None and self.sleep is time.sleep else self.sleep
        for delay in backoff_delays(self.first, self.longest, floor=0.5, jitter=self.jitter):
            left = self.timeout - (self.clock() - begin)
            if left <= 0:
                return
            sleep(min(delay, left))
            if stop is not None and stop.is_set():
                return
            yield self.clock() - begin

"""How long to wait for a model that is still loading."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mme.catalog.limits import LOAD_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits that grow, with jitter, until the time is over.

    boto3's default retry mode never tries again on ModelNotReadyException, so the client does.

    Attributes:
        total: seconds to wait in all. Default: as long as SageMaker lets a model load.
        first: longest first wait, in seconds; it doubles with each try.
        longest: longest wait, in seconds.
        clock: seconds that only go up.
        sleep: waits that many seconds.
        jitter: picks a number between two.
    """

    total: float = LOAD_TIMEOUT_SECONDS
    first: float = 0.5
    longest: float = 15.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = field(default=random.uniform)

    def waits(self, stop: threading.Event | None = None) -> Iterator[float]:
        """Sleeps before each further try and yields the seconds since the first; ends when time is over.

        Args:
            stop: ends a sleep, and the waiting, when it is set.
        """
        begin = self.clock()
        step = self.first
        # An own way of sleeping stays what it is: it may be a test's, or a trampoline's.
        sleep = stop.wait if stop is not None and self.sleep is time.sleep else self.sleep
        while (left := self.total - (self.clock() - begin)) > 0:
            # Half of it is sure, so that a thousand waiting callers neither meet nor hammer.
            sleep(min(self.jitter(step / 2, step), left))
            if stop is not None and stop.is_set():
                return
            step = min(step * 2, self.longest)
            yield self.clock() - begin

"""How long to wait for a model that is still loading."""

from __future__ import annotations

import random
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

    def waits(self) -> Iterator[float]:
        """Sleeps before each further try and yields the seconds since the first; ends when time is over."""
        begin = self.clock()
        step = self.first
        while (left := self.total - (self.clock() - begin)) > 0:
            # Half of it is sure, so that a thousand waiting callers neither meet nor hammer.
            self.sleep(min(self.jitter(step / 2, step), left))
            step = min(step * 2, self.longest)
            yield self.clock() - begin

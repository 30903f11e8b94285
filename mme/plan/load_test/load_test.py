"""An open-loop load test: requests leave at their times, whatever the answers take.

A generator that waits for answers sends fewer requests to a slow endpoint and so hides its latency
("coordinated omission"). Here latency counts from the time at which a request should have been sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

import numpy as np

from mme.errors import MmeError
from mme.plan.load_test.measurement import Measurement
from mme.plan.traffic.trace import Trace

_POLL_SECONDS: Final = 0.2
_LAST_SECONDS: Final = 90.0
"""How long to wait for the next answer at the end: InvokeEndpoint's limit, and some for the connection."""
_INTERRUPTED_SECONDS: Final = 1.0
NO_ANSWER: Final = "NoAnswer"
"""Kind of the error of a request without an answer at the end."""


@dataclass(frozen=True)
class _Answer:
    number: int
    late: float
    seconds: float
    error: str


@dataclass
class LoadTest:
    """Sends the requests of a trace.

    Attributes:
        schedule: The requests; times are relative to the first.
        call: Sends a request for a TargetModel and raises an error if it fails. Called from many threads.
        connections: Concurrent requests at most; more wait in this program, and that counts as latency.
        progress: Called about five times a second with the number of answers.
        clock: A monotonic clock, seconds.
        sleep: Waits for some seconds.
    """

    schedule: Trace
    call: Callable[[str], object]
    connections: int = 64
    progress: Callable[[int], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: SimpleQueue[tuple[int, float] | None] = field(default_factory=SimpleQueue)
    _answers: list[_Answer] = field(default_factory=list)
    _idle: int = 0
    _threads: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> Measurement:
        """Send all requests and return what was measured; on Ctrl-C, what was measured until then."""
        begin = self.clock()
        offsets = (self.schedule.seconds - self.schedule.seconds[0]).tolist()
        sent = 0
        interrupted = False
        try:
            for number, offset in enumerate(offsets):
                while (left := begin + offset - self.clock()) > 0:
                    self.sleep(min(left, _POLL_SECONDS))
                    self.progress(len(self._answers))
                self._send(number, begin + offset)
                sent = number + 1
            self._wait(sent, _LAST_SECONDS)
        except KeyboardInterrupt:
            interrupted = True
            self._wait(sent, _INTERRUPTED_SECONDS)
        for _ in range(self._threads):
            self._due.put(None)
        return self._measured(interrupted, begin, offsets)

    def _send(self, number: int, intended: float) -> None:
        with self._changed:
            self._idle -= 1
            if self._idle < 0 and self._threads < self.connections:
                self._threads += 1
                self._idle += 1
                threading.Thread(target=self._serve, name=f"mme-bench-{number}", daemon=True).start()
        self._due.put((number, intended))

    def _serve(self) -> None:
        while (due := self._due.get()) is not None:
            number, intended = due
            begun = self.clock()
            error = ""
            try:
                self.call(self.schedule.names[self.schedule.models[number]])
            except MmeError as failure:
                error = type(failure).__name__
            except Exception as failure:  # a fault of one request must not end the test
                error = f"{type(failure).__module__}.{type(failure).__name__}"
            answer = _Answer(number, begun - intended, self.clock() - intended, error)
            with self._changed:
                self._idle += 1
                self._answers.append(answer)
                self._changed.notify_all()

    def _wait(self, sent: int, seconds: float) -> None:
        """Wait in real time until all answers are there, or there was none for so many seconds."""
        until, before = time.monotonic() + seconds, 0
        with self._changed:
            while len(self._answers) < sent and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, _POLL_SECONDS))
                if len(self._answers) > before and seconds == _LAST_SECONDS:
                    until, before = time.monotonic() + seconds, len(self._answers)
                self.progress(len(self._answers))

    def _measured(self, interrupted: bool, begin: float, offsets: list[float]) -> Measurement:
        with self._changed:
            answers = list(self._answers)
        if answers and not interrupted:
            missing = set(range(len(offsets))) - {one.number for one in answers}
            now = self.clock()
            answers += [_Answer(one, 0.0, now - begin - offsets[one], NO_ANSWER) for one in missing]
        answers.sort(key=lambda one: one.number)
        if not answers:
            raise MmeError("no request was answered", hint="check the endpoint: mme endpoint status")
        numbers = np.array([one.number for one in answers], np.int64)
        return Measurement(
            trace=Trace(
                self.schedule.seconds[numbers] - self.schedule.seconds[0],
                self.schedule.models[numbers],
                self.schedule.names,
            ),
            seconds=np.array([one.seconds for one in answers]),
            late=np.array([one.late for one in answers]),
            errors=tuple(one.error for one in answers),
            planned=len(self.schedule),
            interrupted=interrupted,
        )

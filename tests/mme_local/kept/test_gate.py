from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from mme_local.kept.gate import Gate


def test_requests_are_inside_together() -> None:
    gate = Gate()
    together = threading.Barrier(3, timeout=10)

    def enter() -> None:
        with gate.inside():
            together.wait()

    with ThreadPoolExecutor(3) as callers:
        for call in [callers.submit(enter) for _ in range(3)]:
            call.result(timeout=10)


def test_who_is_alone_waits_for_those_inside_and_holds_up_the_others() -> None:
    gate = Gate()
    inside, leave, seen = threading.Event(), threading.Event(), []

    def first() -> None:
        with gate.inside():
            inside.set()
            leave.wait(10)
            seen.append("first")

    def alone() -> None:
        with gate.alone(10) as empty:
            assert empty
            seen.append("alone")

    def later() -> None:
        with gate.inside():
            seen.append("later")

    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(first)]
        assert inside.wait(10)
        calls.append(callers.submit(alone))
        while not gate.closed:
            time.sleep(0)
        calls.append(callers.submit(later))
        leave.set()
        for call in calls:
            call.result(timeout=10)
    assert seen == ["first", "alone", "later"]


def test_one_that_stays_inside_holds_nobody_up_for_long() -> None:
    gate = Gate()

    def enter() -> None:
        with gate.inside():
            pass

    with gate.inside(), gate.alone(0.01) as empty, ThreadPoolExecutor(1) as callers:
        assert not empty
        callers.submit(enter).result(timeout=10)


def test_a_failure_inside_leaves_the_gate_open() -> None:
    gate = Gate()
    for enter in (gate.inside, lambda: gate.alone(1)):
        try:
            with enter():
                raise KeyError
        except KeyError:
            pass
    with gate.alone(0) as empty:
        assert empty

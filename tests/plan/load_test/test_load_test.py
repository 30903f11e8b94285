"""The load test is open-loop; its result is read back, and calibrates a plan."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from mme.client.errors import ModelNotReadyError
from mme.errors import MmeError
from mme.plan.load_test.calibration import calibrated
from mme.plan.load_test.load_test import LoadTest
from mme.plan.load_test.measurement import Measurement, read_measurement
from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelSize
from mme.plan.traffic.trace import Trace
from tests.plan.workload import trace_of


class Clock:
    """Time that passes when the load test waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_leave_at_their_times_whatever_the_answers_take() -> None:
    clock, all_sent = Clock(), threading.Event()
    sent: list[float] = []

    def call(_: str) -> None:
        # No answer until the last request is on its way: a closed loop would wait here for ever.
        sent.append(clock.now)
        if len(sent) == 10:
            all_sent.set()
        assert all_sent.wait(30)

    schedule = trace_of([float(number) for number in range(10)], ["a"] * 10)
    measured = LoadTest(schedule, call, connections=10, clock=clock, sleep=clock.sleep).run()
    assert len(measured.trace) == 10
    assert measured.trace.seconds.tolist() == list(range(10))
    assert not measured.error_counts


def test_latency_counts_from_the_time_at_which_a_request_should_leave() -> None:
    clock, gate = Clock(), threading.Event()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now >= 109:  # all requests are due
            gate.set()

    schedule = trace_of([float(number) for number in range(10)], ["a"] * 10)
    measured = LoadTest(schedule, lambda _: gate.wait(30), connections=1, clock=clock, sleep=sleep).run()
    # One connection: the second request waited for the first one in this program, and that is latency.
    assert (measured.seconds >= 109 - (100 + measured.trace.seconds) - 1e-6).all()
    assert measured.late_share >= 0.8


def test_errors_are_counted_by_kind_and_do_not_end_the_test() -> None:
    clock = Clock()

    def call(model: str) -> None:
        if model == "slow":
            raise ModelNotReadyError("slow")
        if model == "bug":
            raise ValueError

    schedule = trace_of([0.0, 0.1, 0.2, 0.3], ["a", "slow", "bug", "slow"])
    measured = LoadTest(schedule, call, clock=clock, sleep=clock.sleep).run()
    assert measured.error_counts == {"ModelNotReadyError": 2, "builtins.ValueError": 1}
    assert measured.answered.sum() == 1


def test_ctrl_c_keeps_what_was_measured() -> None:
    clock = Clock()
    answered = threading.Semaphore(0)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > 102.5:
            for _ in range(3):
                assert answered.acquire(timeout=30)
            raise KeyboardInterrupt

    schedule = trace_of([float(number) for number in range(100)], ["a"] * 100)
    test = LoadTest(schedule, lambda _: answered.release(), clock=clock, sleep=sleep)
    test.sleep = lambda seconds: sleep(seconds) if clock.now <= 102.5 else clock.sleep(seconds)
    measured = test.run()
    assert measured.interrupted
    assert len(measured.trace) == 3
    assert measured.planned == 100


def measurement(cold_seconds: float = 2.0, requests: int = 400) -> Measurement:
    rng = np.random.default_rng(1)
    names = tuple(f"m{number}" for number in range(20))
    models = rng.integers(0, 20, requests).astype(np.int32)
    seconds = rng.gamma(4, 0.005, requests)
    first = np.array([model not in models[:number] for number, model in enumerate(models)])
    seconds[first] += cold_seconds + models[first] / 10
    trace = Trace(np.arange(requests, dtype=np.float64), models, names)
    return Measurement(trace, seconds, np.zeros(requests), ("",) * requests, requests)


def test_cold_and_warm_are_told_apart() -> None:
    measured = measurement()
    assert measured.cold.sum() == 20
    assert 0.1 < measured.cold_from < 2.0
    assert measured.percentile_ms(0.5, measured.warm) < 30
    assert measured.percentile_ms(0.5, measured.cold) > 2000


def test_one_group_of_latencies_is_warm() -> None:
    rng = np.random.default_rng(1)
    trace = Trace(np.arange(500.0), np.zeros(500, np.int32), ("a",))
    measured = Measurement(trace, rng.gamma(4, 0.005, 500), np.zeros(500), ("",) * 500, 500)
    assert measured.cold.sum() == 0
    assert measured.warm.sum() == 500


def test_a_result_is_written_and_read(tmp_path: Path) -> None:
    measured = measurement()
    measured.write(tmp_path / "result.json")
    found = read_measurement(tmp_path / "result.json")
    assert found.trace.names == measured.trace.names
    assert found.trace.models.tolist() == measured.trace.models.tolist()
    assert found.seconds == pytest.approx(measured.seconds, abs=1e-6)
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "mme-bench-1"}', '{"format": "other"}', "[" * 9999]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(MmeError, match=r"x.json is not a result of mme bench"):
        read_measurement(tmp_path / "x.json")


def test_a_calibration_replaces_the_times() -> None:
    sizes = [ModelSize(f"m{number}", number * 10_000_000 + 1, 1000) for number in range(20)]
    found, notes = calibrated(measurement(), sizes, Assumptions())
    assert found.service_ms == pytest.approx(20, rel=0.1)
    assert found.service_cv == pytest.approx(0.5, rel=0.2)
    # 2 s, and 0.1 s for each 10 MB.
    assert found.load_seconds == pytest.approx(2.0, rel=0.02)
    assert found.load_mb_per_second == pytest.approx(100, rel=0.02)
    assert (found.unload_seconds, found.download_seconds) == (0, 0)
    assert "20 loads" in notes[1]


def test_the_test_of_another_endpoint_calibrates_nothing() -> None:
    with pytest.raises(MmeError, match=r"called m\d+, and none of its models is known") as refused:
        calibrated(measurement(), [ModelSize("other", 1, 1)], Assumptions())
    assert "mme bench --output" in str(refused.value.hint)


def test_too_few_warm_requests_calibrate_nothing() -> None:
    with pytest.raises(MmeError, match=r"has \d+ warm requests; 20 are needed"):
        calibrated(measurement(requests=8), [], Assumptions())

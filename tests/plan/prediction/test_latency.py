from __future__ import annotations

import math

import numpy as np
import pytest

from mme.plan.prediction.latency import erlang_c, histogram, percentile, shifted, warm_latency


def test_percentiles_are_within_a_bin() -> None:
    times = np.random.default_rng(1).lognormal(-3, 1, 100_000)
    for share in (0.5, 0.95, 0.99):
        assert percentile(histogram(times), share) == pytest.approx(np.quantile(times, share), rel=0.025)
    assert math.isnan(percentile(histogram(np.array([])), 0.5))


def test_a_shift_adds_to_each_time() -> None:
    times = histogram(np.array([0.1, 0.2]))
    assert percentile(shifted(times, 5.0), 0.99) == pytest.approx(5.2, rel=0.03)
    assert shifted(times, 5.0).sum() == 2


def test_erlang_c_of_published_cases() -> None:
    # One worker: the utilization. Two workers at load 1: 1/3.
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("workers", "rate", "cv"), [(1, 30.0, 1.0), (4, 150.0, 1.0), (4, 150.0, 0.0)])
def test_waiting_lines_match_a_simulation(workers: int, rate: float, cv: float) -> None:
    rng = np.random.default_rng(2)
    service, count = 0.02, 60_000
    arrivals = np.cumsum(rng.exponential(1 / rate, count))
    sigma = math.sqrt(math.log1p(cv * cv))
    work = service * np.exp(rng.normal(-sigma * sigma / 2, sigma, count))
    free = [0.0] * workers
    latencies = []
    for at, seconds in zip(arrivals, work, strict=True):
        first = min(range(workers), key=free.__getitem__)
        free[first] = max(at, free[first]) + seconds
        latencies.append(free[first] - at)
    found = warm_latency(rate, workers, service, cv, 0.0)
    assert found.utilization == pytest.approx(rate * service / workers)
    assert found.mean == pytest.approx(float(np.mean(latencies)), rel=0.15)
    assert percentile(found.times, 0.95) == pytest.approx(float(np.quantile(latencies, 0.95)), rel=0.15)


def test_too_much_load_never_ends() -> None:
    assert math.isinf(warm_latency(100.0, 1, 0.02, 1.0, 0.0).mean)

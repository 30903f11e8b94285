"""Print the tables of docs/scaling.md: instances from 100 to 100,000 models and 1 to 10,000 requests/s.

For each cell, the fewest instances of one type that meet the objectives by the estimate; then, in steps of a
tenth, by a simulation of 20,000 requests, or of 10 seconds if these are more; the first 5 seconds are not
counted. It takes some minutes. Run it: python -m benchmarks.scaling [--type TYPE] [--json]
"""

from __future__ import annotations

import argparse
from typing import Final

import numpy as np

from benchmarks.report import AS_JSON, report
from mme.catalog.instances import InstanceType, instance_types
from mme.catalog.prices import REFERENCE_REGION, PriceList
from mme.plan.capacity.grid import Estimate, evaluate
from mme.plan.capacity.objectives import Objectives
from mme.plan.capacity.planning import replay_estimate
from mme.plan.models.assumptions import Assumptions
from mme.plan.models.model_fleet import ModelFleet
from mme.plan.prediction.mix_traffic import MixTraffic
from mme.plan.prediction.replay import Replayed
from mme.plan.traffic.mix import Mix

_MODELS: Final = (100, 1_000, 10_000, 100_000)
_RATES: Final = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_OBJECTIVES: Final = Objectives(p95_ms=1000, hit_ratio=0.95)
_ZIPF: Final = 1.0
_MEAN_BYTES: Final = 20_000_000
_MOST: Final = 4096
_REPLAY_SECONDS: Final = 10
_REPLAY_REQUESTS: Final = 20_000
_TRIES: Final = 12


def some_models(count: int) -> ModelFleet:
    """Return models whose sizes are lognormal with a mean of 20 MB."""
    sizes = np.random.default_rng(1).lognormal(0, 0.5, count)
    unpacked = (sizes / sizes.mean() * _MEAN_BYTES).astype(np.int64)
    names = tuple(f"model-{number:06d}_v0.tar.gz" for number in range(count))
    return ModelFleet(names, unpacked, unpacked // 2, Assumptions())


def fewest(traffic: MixTraffic, kind: InstanceType, prices: PriceList) -> Estimate | None:
    """Return the fewest instances that meet the objectives; None if 4096 don't.

    Args:
        traffic: The requests and their models.
        kind: The instance type.
        prices: Prices.
    """

    def estimate(count: int) -> Estimate:
        return estimated(traffic, kind, count, prices)

    low, high = 0, 1
    while _OBJECTIVES.missed(estimate(high)):
        low, high = high, high * 2
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _OBJECTIVES.missed(estimate(middle)) else (low, middle)
    return estimate(high)


def estimated(traffic: MixTraffic, kind: InstanceType, count: int, prices: PriceList) -> Estimate:
    """Return the estimate of one configuration.

    Args:
        traffic: The requests and their models.
        kind: The instance type.
        count: Number of instances.
        prices: Prices.
    """
    grid = evaluate(traffic, [kind], [count], lambda name: prices.require(name, REFERENCE_REGION))
    return grid.estimates[0]


def simulated(traffic: MixTraffic, found: Estimate, prices: PriceList) -> tuple[Estimate, Replayed]:
    """Return the first configuration from this one on whose replay meets the objectives, and the replay.

    Args:
        traffic: The requests and their models.
        found: The configuration that meets them by its estimate.
        prices: Prices.
    """
    requests = max(_REPLAY_REQUESTS, int(traffic.rate * _REPLAY_SECONDS))
    for _ in range(_TRIES):
        done = replay_estimate(traffic, found, requests)
        if not _OBJECTIVES.missed_by_replay(done):
            break
        found = estimated(traffic, found.kind, found.count + max(1, found.count // 10), prices)
    return found, done


def main() -> None:
    """Print one row for each number of models and rate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--type", default="ml.m5.xlarge", help="instance type")
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    kind = instance_types()[parser.parse_args().type]
    prices = PriceList.over_catalog({})
    rows: list[dict[str, object]] = []
    for count in _MODELS:
        fleet = some_models(count)
        for rate in _RATES:
            traffic = MixTraffic(Mix(rate, _ZIPF), fleet)
            found = fewest(traffic, kind, prices)
            if found is None:
                rows.append({"": f"{count:,} models, {rate:,.0f}/s", "instances": f"over {_MOST}"})
                continue
            estimate = found.count
            found, done = simulated(traffic, found, prices)
            rows.append(
                {
                    "": f"{count:,} models, {rate:,.0f}/s",
                    "by estimate": estimate,
                    "instances": found.count,
                    "USD/month": f"{found.usd_per_month:,.0f}",
                    "USD/million": f"{found.usd_per_million:,.2f}",
                    "hits, %": f"{found.hit_ratio:.2%}",
                    "p95, ms": f"{found.p95_ms:,.0f}",
                    "loads/s": f"{found.loads_per_second:.3g}",
                    "simulated hits, %": f"{done.hits:.2%}",
                    "simulated p95, ms": f"{done.percentile_ms(0.95):,.0f}",
                }
            )
    report(f"{kind.name}, hit ratio at least 95 %, p95 at most 1,000 ms", rows)


if __name__ == "__main__":
    main()

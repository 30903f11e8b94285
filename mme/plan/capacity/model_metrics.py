"""What a configuration does to each model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mme.plan.capacity.grid import Estimate
from mme.plan.prediction.caching import Traffic
from mme.plan.prediction.latency import percentile, warm_latency


@dataclass(frozen=True)
class ModelMetrics:
    """One model on one configuration.

    Attributes:
        model: The TargetModel.
        rate: Requests per second.
        memory_bytes: In memory.
        hit_ratio: Share of its requests that begin no load.
        cold_p95_ms: 95th percentile of the latency of a request that loads it, with its download.
    """

    model: str
    rate: float
    memory_bytes: int
    hit_ratio: float
    cold_p95_ms: float


def model_metrics(traffic: Traffic, one: Estimate) -> list[ModelMetrics]:
    """Return the figures of all models, busiest first.

    Args:
        traffic: The requests and their models.
        one: The configuration.
    """
    fleet, assumed = traffic.fleet, traffic.fleet.assumptions
    warm = warm_latency(
        traffic.peak_rate / one.count,
        assumed.worker_count(one.kind),
        assumed.service_ms / 1000,
        assumed.service_cv,
        assumed.overhead_ms / 1000,
    )
    cold = fleet.load_seconds + fleet.download_seconds + percentile(warm.times, 0.95)
    if one.headroom <= 0:
        cold = cold + assumed.unload_seconds
    rates = traffic.model_rates
    return [
        ModelMetrics(
            fleet.names[model],
            float(rates[model]),
            int(fleet.weights[model]),
            1 - float(one.outcome.model_loads[model]),
            float(cold[model]) * 1000,
        )
        for model in np.argsort(-rates, kind="stable")
    ]

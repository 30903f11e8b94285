"""Models that should not share the endpoint: too busy for it, or worth instances of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mme.plan.capacity.grid import Estimate
from mme.plan.prediction.caching import Traffic


@dataclass(frozen=True)
class Departure:
    """A model that should leave.

    Attributes:
        model: The TargetModel.
        rate: Requests per second.
        in_flight: Mean requests in flight at the busiest time.
        usd_per_month: What its traffic costs on the endpoint, by its share of requests.
        reason: Why.
    """

    model: str
    rate: float
    in_flight: float
    usd_per_month: float
    reason: str


def departures(traffic: Traffic, chosen: Estimate, estimates: Sequence[Estimate]) -> list[Departure]:
    """Return the models that should leave the endpoint, busiest first.

    A model's traffic pays for a reservation if its share of the endpoint's cost is the price of an instance
    that holds the model and keeps up with it.

    Args:
        traffic: The requests and their models.
        chosen: The configuration of the endpoint.
        estimates: All configurations: their types are candidates for dedicated instances.
    """
    fleet, assumed = traffic.fleet, traffic.fleet.assumptions
    rates = traffic.model_rates
    peak = rates * traffic.peak_rate / traffic.rate
    in_flight = peak * assumed.service_ms / 1000
    cost = rates / traffic.rate * chosen.usd_per_month
    singles = [one for one in estimates if one.count == 1] or [chosen]
    found = []
    for model in np.argsort(-rates, kind="stable"):
        weight, name = int(fleet.weights[model]), fleet.names[model]
        single = next(
            (
                one
                for one in singles
                if one.memory_bytes >= weight and in_flight[model] < assumed.worker_count(one.kind)
            ),
            None,
        )
        monthly = single.usd_per_month / single.count if single else np.inf
        if in_flight[model] >= assumed.spill_at:
            reason = (
                f"{in_flight[model]:.1f} requests in flight; above {assumed.spill_at} it is loaded on "
                "several instances and takes the memory of others"
            )
        elif single is not None and cost[model] >= monthly and len(fleet) > 1:
            reason = f"its share of the cost pays for a dedicated {single.kind.name} at ${monthly:,.0f}"
        elif rates[model] <= 0 or (cost[model] < singles[0].usd_per_month and in_flight[model] < 1):
            break  # the others have fewer requests
        else:
            continue
        found.append(
            Departure(name, float(rates[model]), float(in_flight[model]), float(cost[model]), reason)
        )
    return found

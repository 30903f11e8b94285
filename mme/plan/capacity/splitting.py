"""Plan one of several endpoints: the one that gets the most requests."""

from __future__ import annotations

import numpy as np

from mme.client.endpoint_map import EndpointMap
from mme.errors import MmeError
from mme.plan.capacity.planning import Plan
from mme.plan.prediction.caching import Traffic
from mme.plan.prediction.mix_traffic import MixTraffic
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.mix import Mix
from mme.plan.traffic.trace import Trace


def busiest_part(traffic: Traffic, endpoints: EndpointMap) -> Traffic:
    """Return the requests of the endpoint that gets the most.

    Args:
        traffic: All requests.
        endpoints: Which endpoint serves which model.

    Raises:
        MmeError: There are fewer models than endpoints.
    """
    count = len(endpoints.endpoints)
    if count == 1:
        return traffic
    if len(traffic.fleet) < count:
        raise MmeError(
            f"{len(traffic.fleet)} models can't be split over {count} endpoints",
            hint="set --endpoints to fewer than the models",
        )
    order = {name: number for number, name in enumerate(endpoints.endpoints)}
    place = np.array([order[endpoints.endpoint_of(name)] for name in traffic.fleet.names])
    rates = np.bincount(place, traffic.model_rates, count)
    chosen = np.flatnonzero(place == int(np.argmax(rates)))
    fleet = traffic.fleet.of(chosen)
    if isinstance(traffic, MixTraffic):
        shares = traffic.shares[chosen]
        mix = Mix(traffic.mix.rate * float(shares.sum()), traffic.mix.zipf, traffic.mix.daily)
        return MixTraffic(mix, fleet, shares / shares.sum())
    if not isinstance(traffic, TraceTraffic):
        raise TypeError(f"{type(traffic).__name__} can't be split")
    index = np.full(len(traffic.fleet), -1, np.int32)
    index[chosen] = np.arange(len(chosen), dtype=np.int32)
    mine = index[traffic.trace.models]
    kept = mine >= 0
    return TraceTraffic(Trace(traffic.trace.seconds[kept], mine[kept], fleet.names), fleet)


def split_text(everything: Traffic, part: Traffic, plan: Plan, count: int) -> str:
    """Return what the plan of the busiest endpoint means for all, for people.

    Args:
        everything: All requests.
        part: Those of the busiest endpoint.
        plan: For that endpoint.
        count: Number of endpoints.
    """
    return (
        f"this is the busiest of {count}, with {part.rate / everything.rate:.1%} of the requests; with the "
        f"same instances for each, all cost ${plan.best.usd_per_month * count:,.0f} per month"
    )

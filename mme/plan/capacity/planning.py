"""Plan an endpoint: the cheapest configuration that meets objectives, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mme.catalog.instances import InstanceType
from mme.catalog.prices import Price
from mme.plan.capacity.departures import Departure, departures
from mme.plan.capacity.grid import Estimate, evaluate
from mme.plan.capacity.objectives import Objectives, cheapest_front, meeting
from mme.plan.prediction.caching import Room, Traffic, wilson
from mme.plan.prediction.mix_traffic import MixTraffic
from mme.plan.prediction.replay import Replayed, replay
from mme.plan.prediction.trace_traffic import TraceTraffic
from mme.plan.traffic.trace import FEW_REQUESTS, Trace

REPLAYED_REQUESTS: Final = 50_000
"""Requests of a replay at most: a few seconds."""

_WARM_SECONDS: Final = 5
_SEED: Final = 7


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes:
        best: The cheapest configuration that meets the objectives, in its replay too.
        estimates: All, cheapest first.
        front: Those that are the fastest for their cost.
        replays: Replays of the best few, by their name.
        leaving: Models that should not share the endpoint.
        left_out: Instance types that can't serve the models, with the reason.
        replay_meets: Whether the replay of the best meets the objectives.
        objectives: What was asked for.
        uncertainty: Half the width of the hit ratio's 95 % interval; None if there are requests enough.
    """

    best: Estimate
    estimates: tuple[Estimate, ...]
    front: tuple[Estimate, ...]
    replays: Mapping[str, Replayed]
    leaving: tuple[Departure, ...]
    left_out: Mapping[str, str]
    replay_meets: bool
    objectives: Objectives
    uncertainty: float | None


def make_plan(
    traffic: Traffic,
    kinds: Sequence[InstanceType],
    counts: Sequence[int],
    price_of: Callable[[str], Price],
    objectives: Objectives,
    *,
    replays: int = 3,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Plan:
    """Estimate a grid, choose, and replay the best few.

    Args:
        traffic: The requests and their models.
        kinds: Instance types.
        counts: Numbers of instances.
        price_of: Returns the price of a type.
        objectives: What the plan must meet.
        replays: How many of the best to replay.
        progress: Called with the step, and how many of its parts are done of how many.

    Raises:
        MmeError: No configuration meets the objectives, or a model is larger than every type.
    """
    grid = evaluate(
        traffic, kinds, counts, price_of, progress=lambda done: progress("estimating", done, len(counts))
    )
    suitable = meeting(grid.estimates, objectives)
    front = cheapest_front(grid.estimates)
    candidates = list(dict.fromkeys([suitable[0], *cheapest_front(suitable)]))[:replays]
    replayed = {}
    best: Estimate | None = None
    for done, one in enumerate(candidates):
        progress("replaying", done, len(candidates))
        replayed[one.name] = replay_estimate(traffic, one)
        if best is None and not objectives.missed_by_replay(replayed[one.name]):
            best = one
    progress("replaying", len(candidates), len(candidates))
    replay_meets = best is not None or not candidates
    best = best or suitable[0]
    few = traffic.requests is not None and traffic.requests < FEW_REQUESTS
    return Plan(
        best=best,
        estimates=grid.estimates,
        front=tuple(front),
        replays=replayed,
        leaving=tuple(departures(traffic, best, grid.estimates)),
        left_out=grid.left_out,
        replay_meets=replay_meets,
        objectives=objectives,
        uncertainty=wilson(best.hit_ratio, traffic.requests) if few and traffic.requests else None,
    )


def replay_estimate(traffic: Traffic, one: Estimate, requests: int = REPLAYED_REQUESTS) -> Replayed:
    """Replay the last requests of a trace, or a sample of a mix at its busiest hour, on a configuration.

    The first 5 seconds of a mix, half of the requests at most, are not counted: the busiest models begin with
    fewer copies than they need.

    Args:
        traffic: The requests and their models.
        one: The configuration.
        requests: How many at most.
    """
    assumed = traffic.fleet.assumptions
    trace, before, uncounted = _sample(traffic, requests)
    return replay(
        trace,
        traffic.fleet,
        instances=one.count,
        room=Room(assumed.memory_bytes(one.kind), assumed.disk_bytes(one.kind)),
        workers=assumed.worker_count(one.kind),
        used_before=before,
        uncounted=uncounted,
    )


def _sample(traffic: Traffic, requests: int) -> tuple[Trace, Sequence[int], int]:
    """Return requests, the models used before them (the latest last), and how many requests only warm up."""
    if isinstance(traffic, TraceTraffic):
        trace = traffic.trace
        earlier = trace.models[: max(0, len(trace) - requests)]
        models, from_end = np.unique(earlier[::-1], return_index=True)
        return trace.last(requests), models[np.argsort(-from_end)].tolist(), 0
    if not isinstance(traffic, MixTraffic):
        raise TypeError(f"{type(traffic).__name__} can't be replayed")
    mix = traffic.mix
    busiest = type(mix)(mix.peak_rate, mix.zipf)
    rates = traffic.model_rates * traffic.peak_rate / traffic.rate
    # Times since the last use of each model, in the steady state.
    ages = np.random.default_rng(_SEED).exponential(1 / np.maximum(rates, math.ulp(0)))
    trace = busiest.sample(traffic.fleet.names, requests, seed=_SEED, shares=traffic.shares)
    return trace, np.argsort(-ages).tolist(), min(requests // 2, int(mix.peak_rate * _WARM_SECONDS))

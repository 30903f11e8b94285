"""What a plan rests on, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mme.console import count_text
from mme.plan.capacity.planning import Plan
from mme.plan.prediction.caching import Traffic
from mme.plan.prediction.trace_traffic import TraceTraffic

_DIFFERENT: Final = 0.05
"""Difference of the hit ratios of an estimate and its replay from which the estimate is not to be used."""


def plan_notes(plan: Plan, traffic: Traffic, calibration: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return pairs of a kind, such as `assumed:`, and a string.

    Args:
        plan: The answer.
        traffic: The requests and their models.
        calibration: What a load test replaced.
    """
    assumed, fleet = traffic.fleet.assumptions, traffic.fleet
    notes = [("calibrated:", note) for note in calibration]
    if not plan.replay_meets:
        text = (
            "the replays miss an objective that the estimates meet, and the endpoint may miss it too; "
            "make it a little stricter to get the next larger configuration"
        )
        notes.append(("close:", text))
    replayed = plan.replays.get(plan.best.name)
    if replayed is not None and abs(replayed.hits - plan.best.hit_ratio) > _DIFFERENT:
        text = (
            f"the hit ratio of {plan.best.name} is {plan.best.hit_ratio:.1%} by its estimate and "
            f"{replayed.hits:.1%} by its replay; loads take too long, or models spill, for estimates: "
            "use the replays"
        )
        notes.append(("different:", text))
    if plan.uncertainty is not None:
        text = (
            f"{traffic.requests} requests are few; the hit ratio is {plan.best.hit_ratio:.1%} "
            f"plus or minus {plan.uncertainty:.1%} (95 % interval), and p99 is close to the slowest request"
        )
        notes.append(("uncertain:", text))
    if isinstance(traffic, TraceTraffic) and traffic.first_share >= 0.01:
        text = (
            f"{traffic.first_share:.1%} of the requests are the first for their model and count as loads; "
            "a longer trace has fewer"
        )
        notes.append(("note:", text))
    if fleet.guessed:
        text = (
            f"{count_text(fleet.guessed, 'models')} of the traffic are not published any more "
            "and count with the median size"
        )
        notes.append(("note:", text))
    notes += [("left out:", f"{name}: {reason}") for name, reason in plan.left_out.items()]
    text = (
        f"service {assumed.service_ms:.4g} ms (cv {assumed.service_cv:.3g}), "
        f"load {assumed.load_seconds:.3g} s + {assumed.load_mb_per_second:g} MB/s, "
        f"download {assumed.download_seconds:.3g} s + {assumed.download_mb_per_second:g} MB/s, "
        f"eviction {assumed.unload_seconds:g} s, {assumed.weight_factor:g} bytes in memory per byte; "
        "change them with --assume"
    )
    notes.append(("assumed:", text))
    if plan.best.price.assumption:
        notes.append(("price:", plan.best.price.text(plan.best.kind.name)))
    if plan.best.count == 1:
        notes.append(("note:", "one instance gives no availability; AWS recommends two: --counts 2-8"))
    return notes

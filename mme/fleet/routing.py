"""The variant and the instance that answer a request.

AWS: a request goes to an instance that holds the model already, and a busy model spills to a second one
(developer guide, "multi-model-endpoints"). How busy is not documented: ``spill_at`` is an assumption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Placement(Enum):
    """The instance for a model that no instance holds, or that is too busy. AWS does not document it."""

    MOST_FREE = "most-free"
    """The instance with the most free memory."""
    LEAST_BUSY = "least-busy"
    """The one with the fewest requests in flight; of several, the one with the most free memory."""
    FIRST = "first"
    """The first by its index, so that instances fill up one by one."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """What routing may know of one instance.

    Attributes:
        index: Its position in the variant, from 0.
        holds: Whether the model is loaded or being loaded.
        model_in_flight: Requests in flight for this model.
        in_flight: Requests in flight for any model.
        free: Bytes of its budget that are not reserved.
        available: Whether its container is up. Others are chosen only if none is.
    """

    index: int
    holds: bool
    model_in_flight: int
    in_flight: int
    free: int
    available: bool = True


def choose_instance(
    instances: Sequence[InstanceView], *, spill_at: int = 8, placement: Placement = Placement.MOST_FREE
) -> int:
    """Choose the instance for one request and return its ``index``.

    An instance that holds the model wins while it has fewer than ``spill_at`` requests in flight for it; then
    the model spills to one that does not hold it, chosen by ``placement``, or to the least busy if all do.

    Args:
        instances: All of the variant.
        spill_at: Requests in flight for the model at which it spills.
        placement: Which instance loads a model.

    Raises:
        ValueError: There is no instance, or ``spill_at`` is below 1.
    """
    if not instances:
        raise ValueError("a variant has at least one instance")
    if spill_at < 1:
        raise ValueError(f"spill_at must be at least 1, got {spill_at}")
    candidates = [view for view in instances if view.available] or instances
    holders = [view for view in candidates if view.holds]
    others = [view for view in candidates if not view.holds]
    if holders:
        best = min(holders, key=lambda view: (view.model_in_flight, view.in_flight, view.index))
        if best.model_in_flight < spill_at or not others:
            return best.index
    if placement is Placement.FIRST:
        return min(view.index for view in others)
    if placement is Placement.LEAST_BUSY:
        return min(others, key=lambda view: (view.in_flight, -view.free, view.index)).index
    return min(others, key=lambda view: (-view.free, view.in_flight, view.index)).index


@dataclass(frozen=True, slots=True)
class VariantView:
    """What routing may know of one variant.

    Attributes:
        name: Its name.
        weight: Its share of the traffic, relative to the other variants.
        requests: Requests it got since the weights were set.
    """

    name: str
    weight: float
    requests: int


def choose_variant(variants: Sequence[VariantView]) -> str:
    """Choose the variant for one request and return its name.

    AWS chooses at random; we use the d'Hondt method, so that results are reproducible and no variant is ever
    a whole request behind its share. If all weights are 0, the first variant gets all requests.

    Raises:
        ValueError: There is no variant.
    """
    if not variants:
        raise ValueError("an endpoint has at least one variant")
    weighty = [view for view in variants if view.weight > 0]
    if not weighty:
        return variants[0].name
    return min(weighty, key=lambda view: (view.requests + 1) / view.weight).name

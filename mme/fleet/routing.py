"""Which variant of an endpoint, and which of its instances, answers a request.

AWS: a request goes to an instance that already holds the model, and a busy model spills to a
second one (developer guide, "multi-model-endpoints"). How busy is busy, nobody publishes:
``spill_at`` is our assumption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Placement(Enum):
    """Where a model goes that no instance has, or that is too busy where it is. Nobody publishes it."""

    MOST_FREE = "most-free"
    """The instance with the most free memory."""
    LEAST_BUSY = "least-busy"
    """The one that answers the fewest requests now; of those, the one with the most free memory."""
    FIRST = "first"
    """The first by its number: one after the other fills up."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """What routing may know of one instance.

    Attributes:
        index: its place in the variant, from 0.
        holds: it has the model loaded or on its way in.
        model_in_flight: requests for this model that it is answering now.
        in_flight: requests for any model that it is answering now.
        free: bytes of its budget that no model has or was promised.
        available: its container is up. One that is not gets requests only where no other is.
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
    """Pick the instance for one request; returns its ``index``.

    A holder wins while it answers fewer than ``spill_at`` requests for the model; then the model
    spills to an instance that does not hold it, chosen by ``placement``, or, where all hold it, to the
    least busy.

    Raises:
        ValueError: there is no instance, or ``spill_at`` is below 1.
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
        name: the variant's name.
        weight: its share of the traffic, relative to the other variants'.
        requests: how many it was given since the weights were set.
    """

    name: str
    weight: float
    requests: int


def choose_variant(variants: Sequence[VariantView]) -> str:
    """Pick the variant for one request; returns its name.

    AWS draws by chance; we take turns by the highest averages (d'Hondt), so that the same requests
    always go the same ways, and no variant ever falls a whole request behind its share. Where all
    weights are 0, the first variant gets everything.

    Raises:
        ValueError: there is no variant.
    """
    if not variants:
        raise ValueError("an endpoint has at least one variant")
    weighty = [view for view in variants if view.weight > 0]
    if not weighty:
        return variants[0].name
    return min(weighty, key=lambda view: (view.requests + 1) / view.weight).name

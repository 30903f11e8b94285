"""A multi-model endpoint as a pure model: budgets, eviction and routing, with no I/O and no clock.

The local endpoint drives it with real containers; planning drives it with simulated time.
"""

from mme.fleet.disk import DiskFullError, ModelDisk
from mme.fleet.memory import (
    Admission,
    EvictionOrder,
    ModelMemory,
    ModelState,
    NoRoomError,
    TooLargeError,
)
from mme.fleet.routing import InstanceView, Placement, VariantView, choose_instance, choose_variant

__all__ = [
    "Admission",
    "DiskFullError",
    "EvictionOrder",
    "InstanceView",
    "ModelDisk",
    "ModelMemory",
    "ModelState",
    "NoRoomError",
    "Placement",
    "TooLargeError",
    "VariantView",
    "choose_instance",
    "choose_variant",
]

"""A multi-model endpoint as a pure model: budgets, eviction and routing, with no I/O and no clock.

The local runtime drives it with real Triton processes; planning drives it with simulated time.
"""

from mme.fleet.memory import Admission, ModelMemory, ModelState, NoRoomError, TooLargeError
from mme.fleet.routing import InstanceView, choose_instance

__all__ = [
    "Admission",
    "InstanceView",
    "ModelMemory",
    "ModelState",
    "NoRoomError",
    "TooLargeError",
    "choose_instance",
]

"""What is seen of requests and loads while they happen: the hooks that observability hangs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mme_local.endpoint.call import Call
from mme_local.endpoint.errors import InvocationError


class Step(StrEnum):
    """One thing that an instance does with a model, and takes time for."""

    DOWNLOAD = "download"
    LOAD = "load"
    UNLOAD = "unload"


StepTimed = Callable[[Step, float], None]
"""Called after each step that ended well, with its seconds."""


def unseen(step: Step, seconds: float) -> None:
    """A :data:`StepTimed` that nobody looks at."""


@dataclass(slots=True)
class Trace:
    """One request's way, filled as it goes.

    Attributes:
        variant: where it was sent; empty where it did not get so far.
        instance: name of the instance that it was sent to.
        instances: how many the variant had.
        cache_hit: whether its model was in memory; None where nobody looked.
        waited_seconds: for its model's download and load, and for a container to be back.
        model_seconds: the container's time.
    """

    variant: str = ""
    instance: str = ""
    instances: int = 1
    cache_hit: bool | None = None
    waited_seconds: float = 0.0
    model_seconds: float = 0.0


class Observer(Protocol):
    """Told of everything that metrics are made of; every call is short and raises nothing."""

    def finished(self, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> None:
        """A request was answered, after so many seconds in all."""

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """An instance ended a step."""


class NoObserver:
    """An observer that looks at nothing."""

    def finished(self, call: Call, trace: Trace, seconds: float, error: InvocationError | None) -> None:
        """See `Observer`."""

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """See `Observer`."""

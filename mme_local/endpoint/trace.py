"""Hooks for observing requests and loads while they happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mme_local.endpoint.call import InvokeCall
from mme_local.endpoint.errors import InvokeError


class Step(StrEnum):
    """A step of an instance with a model that takes time."""

    DOWNLOAD = "download"
    LOAD = "load"
    UNLOAD = "unload"


StepTimed = Callable[[Step, float], None]
"""Called after each successful step with its seconds."""


@dataclass(slots=True)
class Trace:
    """The way of one request, filled in as it proceeds.

    Attributes:
        variant: the variant that it was sent to; empty if it was not.
        instance: name of the instance that it was sent to.
        instances: number of instances of the variant.
        cache_hit: whether its model was in memory; None if that was not checked.
        waited_seconds: wait for the model's download and load, and for a container's restart.
        model_seconds: the container's time.
        container: name of the container that was called last.
    """

    variant: str = ""
    instance: str = ""
    instances: int = 1
    cache_hit: bool | None = None
    waited_seconds: float = 0.0
    model_seconds: float = 0.0
    container: str = "primary"


class Observer:
    """Notified of everything that metrics are made of; this one does nothing. Its methods raise nothing."""

    def finished(self, call: InvokeCall, trace: Trace, seconds: float, error: InvokeError | None) -> None:
        """Record an answered request.

        Args:
            call: The request.
            trace: Its steps.
            seconds: Total time.
            error: Why it failed, or None.
        """

    def stepped(self, region: str, endpoint: str, variant: str, step: Step, seconds: float) -> None:
        """Record a step of an instance.

        Args:
            region: Region of the endpoint.
            endpoint: Name of the endpoint.
            variant: Name of the variant.
            step: Which step.
            seconds: Its duration.
        """

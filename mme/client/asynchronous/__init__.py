"""Asynchronous requests to a multi-model endpoint, through the queue that `AsyncInvocations` deploys.

SageMaker's `InvokeEndpointAsync` does not accept a `TargetModel`; the queue replaces it, with the same
members and the same locations of answers and failures. **Its limits are those of real-time inference**: 25 MB
per request, and 60 s per answer.
"""

from mme.client.asynchronous.dead_letters import DeadLetter, DeadLetters
from mme.client.asynchronous.locations import AsyncLocations, Location
from mme.client.asynchronous.queue import AsyncQueue
from mme.client.asynchronous.results import (
    AsyncFailedError,
    AsyncPendingError,
    AsyncResult,
    AsyncStatus,
    State,
    Submission,
)

__all__ = [
    "AsyncFailedError",
    "AsyncLocations",
    "AsyncPendingError",
    "AsyncQueue",
    "AsyncResult",
    "AsyncStatus",
    "DeadLetter",
    "DeadLetters",
    "Location",
    "State",
    "Submission",
]

"""Asynchronous requests to a multi-model endpoint, through the queue that `AsyncInvocations` deploys.

SageMaker's own `InvokeEndpointAsync` takes no `TargetModel`. The queue stands in for it: the same members,
the same places for answers and failures. **Its limits are those of real-time inference**: 25 MB in, and 60 s
for an answer.
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

"""One load of a model, how it can fail, and a request's use of a loaded model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mme.fleet import ModelMemory
from mme_local.containers.container import ContainerDiedError


class LoadFailedError(Exception):
    """The container refused to load the model.

    Args:
        status: The container's HTTP status; 0 if it gave none.
        message: The container's error.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotReadyError(Exception):
    """The model is still loading when the request's time is up."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One request's use of a model, which can't be evicted until the lease is released.

    Attributes:
        model: The target model.
        memory: The memory of the container that has it.
        waited: Whether the request waited for a load.
    """

    model: str
    memory: ModelMemory
    waited: bool


class Load:
    """One load in progress and the requests that wait for it."""

    def __init__(self, memory: ModelMemory) -> None:
        self.task: asyncio.Task[None]
        self.memory = memory
        self.waiting = 0
        self.done = False
        """Whether the model is ready and acquired once for each waiting request."""

    def died(self) -> bool:
        """Whether the load, now finished, failed because its container ended."""
        return self.task.cancelled() or isinstance(self.task.exception(), ContainerDiedError)

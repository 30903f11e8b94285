"""One load of a model on its way, how it can end badly, and what a request holds once it ended well."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mme.fleet import ModelMemory
from mme_local.containers.container import ContainerDiedError


class LoadFailedError(Exception):
    """The container would not load the model.

    Args:
        status: the container's HTTP status; 0 where it gave none.
        message: what it said.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotReadyError(Exception):
    """The model is still loading after the time that one request may wait."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One request's use of a model: it stays in the memory until the lease is given back.

    Attributes:
        model: the target model.
        ledger: the memory of the container that has it.
        waited: whether the request waited for its load.
    """

    model: str
    ledger: ModelMemory
    waited: bool


class Load:
    """One load on its way and the requests that wait for it."""

    def __init__(self, ledger: ModelMemory) -> None:
        self.task: asyncio.Task[None]
        self.began_on = ledger
        self.waiting = 0
        self.handed_on: ModelMemory | None = None
        """Set once the model is ready: the ledger on which each waiting request has a use."""

    def died(self) -> bool:
        """Whether the load, now done, ended because its container did."""
        return self.task.cancelled() or isinstance(self.task.exception(), ContainerDiedError)

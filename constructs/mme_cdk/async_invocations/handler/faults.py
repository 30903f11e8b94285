"""How handling a message can end other than with the model's answer."""

from __future__ import annotations


class PoisonError(Exception):
    """A message that no outcome can be written for: nobody would know where to look for it."""


class RefusedError(Exception):
    """The request ends as a failure; trying again won't help.

    Attributes:
        reason: in one line, as the notification has it.
        body: what the failure object holds: the container's own words where it spoke.
    """

    def __init__(self, reason: str, body: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.body = body if body is not None else reason.encode()


class RetryError(Exception):
    """The request may do better later: it goes back into the queue.

    Attributes:
        reason: in one line.
        ends_as_failure: whether the last attempt ends as a failure of the request, and not as a dead letter:
            so where the model is at fault and not what is around it.
        body: what the failure object would hold.
    """

    def __init__(self, reason: str, *, ends_as_failure: bool = False, body: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ends_as_failure = ends_as_failure
        self.body = body if body is not None else reason.encode()


class ElsewhereError(Exception):
    """Another consumer is at this request, or was: it stays as that one leaves it."""

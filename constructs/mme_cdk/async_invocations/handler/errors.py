"""Errors that end or postpone a request."""

from __future__ import annotations


class PoisonMessageError(Exception):
    """A message that no outcome can be stored for, because it has no inference id."""


class RequestError(Exception):
    """The request ends as a failure; a retry can't help.

    Attributes:
        reason: One line for the notification.
        body: Content of the failure object: the container's own answer if there is one.
    """

    def __init__(self, reason: str, body: bytes | None = None) -> None:
        """Describe the failure.

        Args:
            reason: One line for the notification.
            body: Content of the failure object. Default: the reason.
        """
        super().__init__(reason)
        self.reason = reason
        self.body = reason.encode() if body is None else body


class RetryableError(RequestError):
    """The request may succeed later, so it returns to the queue.

    Attributes:
        model_failed: Whether the model is at fault and not its surroundings: then the last attempt ends as a
            failure, otherwise as a dead letter.
    """

    def __init__(self, reason: str, body: bytes | None = None, *, model_failed: bool = False) -> None:
        """Describe the failure.

        Args:
            reason: One line for the notification.
            body: Content of the failure object. Default: the reason.
            model_failed: Whether the model is at fault.
        """
        super().__init__(reason, body)
        self.model_failed = model_failed

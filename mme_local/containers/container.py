"""The protocol of a serving container: SageMaker's multi-model contract.

Source: AWS developer guide, "mms-container-apis".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

RETURNED_HEADERS: Final = ("X-Amzn-SageMaker-Custom-Attributes", "Content-Encoding")
"""The container's headers that a caller of ``InvokeEndpoint`` gets, in addition to Content-Type."""


@dataclass(frozen=True, slots=True)
class ContainerReply:
    """One response of a container.

    Attributes:
        status: HTTP status.
        body: The whole body.
        content_type: Its Content-Type.
        headers: Those of `RETURNED_HEADERS` that it sent.
        fatal: Why the container ended, or was ended, right after this response; empty if it goes on.
    """

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    fatal: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class ContainerDiedError(Exception):
    """The container ended before it responded.

    Args:
        message: How that was noticed.
        read: Whether it is known to have read the request, which must not be sent again then.
    """

    def __init__(self, message: str, *, read: bool = False) -> None:
        super().__init__(message)
        self.read = read


class ContainerTimeoutError(Exception):
    """The container did not respond in time."""


class ServingContainer(Protocol):
    """One instance's container. All methods are coroutines of one event loop.

    Every request raises ContainerDiedError if the container ends before it responds, and
    ContainerTimeoutError if it takes longer than ``seconds``.
    """

    async def start(self) -> None:
        """Start it and wait until it answers ``/ping``. Raises MmeError if it does not start."""

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """``POST /models``: load an unpacked archive.

        Args:
            handle: The container's opaque name for the model.
            target_model: The caller's name for it.
            path: The unpacked archive.
            seconds: Time limit.
        """

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """``DELETE /models/{handle}``.

        Args:
            handle: The opaque model name of the load.
            target_model: Triton's name of the model.
        """

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """``POST /models/{handle}/invoke``.

        Args:
            handle: See :meth:`load`.
            target_model: See :meth:`load`.
            body: The payload.
            headers: The caller's headers for the container.
            seconds: Time limit.
        """

    async def wait_dead(self) -> int:
        """Return the exit status once the container has ended, for whatever reason."""

    async def stop(self) -> None:
        """End it and remove everything it made. Safe to call twice."""

    @property
    def title(self) -> str:
        """What serves, such as ``Triton 2.51 of NVIDIA's wheel``."""

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs; None if it is not a process of this machine."""

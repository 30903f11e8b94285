"""What a serving container is to the local runtime: SageMaker's multi-model contract.

Source: AWS developer guide, "mms-container-apis".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

RETURNED_HEADERS = ("X-Amzn-SageMaker-Custom-Attributes", "Content-Encoding")
"""What a caller of ``InvokeEndpoint`` gets of the container's headers, besides Content-Type."""


@dataclass(frozen=True, slots=True)
class ContainerReply:
    """One answer of a container.

    Attributes:
        status: HTTP status.
        body: the bytes it answered with.
        content_type: its Content-Type.
        headers: those of `RETURNED_HEADERS` that it sent.
    """

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode(errors="replace")


class ContainerDiedError(Exception):
    """The container went away while it was asked.

    Args:
        message: how that was noticed.
        read: it is known to have read the request, which must not be sent again then.
    """

    def __init__(self, message: str, *, read: bool = False) -> None:
        super().__init__(message)
        self.read = read


class ContainerTimeoutError(Exception):
    """The container did not answer in time."""


class ServingContainer(Protocol):
    """One instance's container. All methods are coroutines of one event loop."""

    async def start(self) -> None:
        """Start it and wait until it answers ``/ping``. MmeError where it does not come up."""

    async def load(self, handle: str, target_model: str, path: Path, seconds: float) -> ContainerReply:
        """``POST /models``: load the unpacked archive at ``path`` under an opaque handle."""

    async def unload(self, handle: str, target_model: str) -> ContainerReply:
        """``DELETE /models/{handle}``."""

    async def invoke(
        self, handle: str, target_model: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> ContainerReply:
        """``POST /models/{handle}/invoke``."""

    async def wait_dead(self) -> int:
        """Return the exit status once the container has ended by itself or by a signal."""

    async def stop(self) -> None:
        """End it and leave nothing behind. Safe to call twice."""

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""

    def log_tail(self) -> str:
        """The end of its log, to explain a failure."""

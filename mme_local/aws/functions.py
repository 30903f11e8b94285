"""Records of the deployed Lambda functions and event source mappings.

Embedded AWS runs no functions. `mme_local.functions` runs those of `AsyncInvocations` from these records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RUNNABLE_BY: Final = "MME_CONSUMER"
"""The variable that marks the functions of `AsyncInvocations`, which the local endpoint can run."""


@dataclass(frozen=True)
class Function:
    """A Lambda function.

    Attributes:
        account: Twelve digits.
        region: For example `us-east-1`.
        handler: `module.function`.
        code: The deployment package, a zip file.
        environment: Its variables.
        timeout: Seconds.
        memory: MiB.
        revision: Changes with every update.
    """

    name: str
    account: str
    region: str
    handler: str
    code: bytes
    environment: Mapping[str, str]
    timeout: int
    memory: int
    revision: str

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"


@dataclass(frozen=True)
class EventSource:
    """A queue whose messages a function is called with.

    Attributes:
        id: The mapping's UUID.
        account: Twelve digits.
        region: For example `us-east-1`.
        batch_size: Most messages of a call.
        concurrency: Most calls at once.
        reports_failures: Whether the function reports which messages of a batch failed.
        enabled: Whether messages are taken at all.
    """

    id: str
    function_name: str
    account: str
    region: str
    queue_arn: str
    batch_size: int
    concurrency: int
    reports_failures: bool
    enabled: bool


class Functions:
    """The records of this process. Each method is one dictionary operation, so threads may share it."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str, str], Function] = {}
        self._sources: dict[str, EventSource] = {}

    def put(self, function: Function) -> None:
        """Store a function, in place of one of its name."""
        self._functions[function.account, function.region, function.name] = function

    def get(self, account: str, region: str, name: str) -> Function | None:
        """Return a function, or None.

        Args:
            account: Twelve digits.
            region: For example `us-east-1`.
            name: The function's name.
        """
        return self._functions.get((account, region, name))

    def remove(self, account: str, region: str, name: str) -> None:
        """Delete a function; one that does not exist is no error.

        Args:
            account: Twelve digits.
            region: For example `us-east-1`.
            name: The function's name.
        """
        self._functions.pop((account, region, name), None)

    def put_source(self, source: EventSource) -> None:
        """Store an event source, in place of one of its id."""
        self._sources[source.id] = source

    def remove_source(self, id: str) -> None:
        """Delete an event source; one that does not exist is no error."""
        self._sources.pop(id, None)

    def sources(self) -> tuple[EventSource, ...]:
        """Return every event source."""
        return tuple(self._sources.values())

    def clear(self) -> None:
        """Delete everything."""
        self._functions.clear()
        self._sources.clear()


deployed: Final = Functions()
"""The functions of the embedded AWS of this process."""

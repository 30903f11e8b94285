"""Lambda functions and event source mappings that were deployed here: records, as nothing else keeps them.

Embedded AWS runs no functions by itself. `mme_local.functions` runs those it knows, from these records.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RUNNABLE_BY: Final = "MME_CONSUMER"
"""The variable that marks functions which this runtime can run: those of `AsyncInvocations`."""


@dataclass(frozen=True)
class Function:
    """A Lambda function.

    Attributes:
        name: its name.
        account: twelve digits.
        region: such as `us-east-1`.
        handler: `module.function`.
        code: the deployment package, a zip file.
        environment: its variables.
        timeout: seconds.
        memory: MiB.
        revision: another one for each change of anything above.
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
        """Its ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"


@dataclass(frozen=True)
class EventSource:
    """A queue whose messages a function is called with.

    Attributes:
        id: the mapping's UUID.
        function_name: the function's name.
        account: twelve digits.
        region: such as `us-east-1`.
        queue_arn: the queue's ARN.
        batch_size: most messages of a call.
        concurrency: most calls at once.
        reports_failures: whether the function says which messages of a batch failed.
        enabled: whether messages are taken at all.
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
    """The records of one process, for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._functions: dict[tuple[str, str, str], Function] = {}
        self._sources: dict[str, EventSource] = {}

    def put(self, function: Function) -> None:
        """Keep a function, in place of one of its name."""
        with self._lock:
            self._functions[function.account, function.region, function.name] = function

    def get(self, account: str, region: str, name: str) -> Function | None:
        """The function of a name, or None."""
        with self._lock:
            return self._functions.get((account, region, name))

    def all(self) -> tuple[Function, ...]:
        """Every function."""
        with self._lock:
            return tuple(self._functions.values())

    def remove(self, account: str, region: str, name: str) -> None:
        """Forget a function; one that is gone already is no fault."""
        with self._lock:
            self._functions.pop((account, region, name), None)

    def put_source(self, source: EventSource) -> None:
        """Keep an event source, in place of one of its id."""
        with self._lock:
            self._sources[source.id] = source

    def remove_source(self, id: str) -> None:
        """Forget an event source; one that is gone already is no fault."""
        with self._lock:
            self._sources.pop(id, None)

    def sources(self) -> tuple[EventSource, ...]:
        """Every event source."""
        with self._lock:
            return tuple(self._sources.values())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._functions.clear()
            self._sources.clear()


deployed: Final = Functions()
"""The functions of the embedded AWS of this process."""

"""Takes messages out of queues and calls functions with them, as Lambda's event source mappings do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mme_local.aws.functions import EventSource, Function, Functions
from mme_local.functions.process import FunctionDiedError, FunctionProcess

log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 0.5
_MOST_CALLS: Final = 32


@dataclass
class _Fed:
    """The processes of one event source.

    Attributes:
        idle: those without a call.
        busy: those with one.
        starting: calls that have no process yet.
    """

    idle: list[FunctionProcess] = field(default_factory=list)
    busy: list[FunctionProcess] = field(default_factory=list)
    starting: int = 0


class Poller:
    """Feeds every deployed function from its queue, until it is stopped.

    A message that a function does not finish, or whose process dies, is seen again when its visibility
    timeout is over; the queue's redrive policy is SQS's own business.

    Args:
        url: where embedded AWS is.
        folder: for the functions' code and logs.
        functions: what is deployed.
    """

    def __init__(self, url: str, folder: Path, functions: Functions) -> None:
        self._url = url
        self._folder = folder
        self._functions = functions
        self._fed: dict[str, _Fed] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._calls: ThreadPoolExecutor | None = None
        self._thread = threading.Thread(target=self._run, name="functions", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End every process and wait for the threads; messages under way stay in their queues."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        with self._lock:
            processes = [process for fed in self._fed.values() for process in (*fed.idle, *fed.busy)]
        for process in processes:
            process.end()
        if self._calls:
            self._calls.shutdown()

    def describe(self) -> list[dict[str, object]]:
        """Each event source: its function, queue and processes."""
        with self._lock:
            return [
                {
                    "function": source.function_name,
                    "queue": source.queue_arn.rpartition(":")[2],
                    "pids": [process.pid for process in (*fed.busy, *fed.idle)],
                    "busy": len(fed.busy),
                }
                for source in self._functions.sources()
                if (fed := self._fed.get(source.id))
            ]

    def _run(self) -> None:
        while not self._stop.is_set():
            took = False
            try:
                sources = self._functions.sources()
                self._end_orphans({source.id for source in sources})
                for source in sources:
                    took |= self._feed(source)
            except Exception:
                log.exception("functions could not be fed from their queues")
            if not took:
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()

    def _feed(self, source: EventSource) -> bool:
        """Take one batch, where there is room for its call; whether there was one."""
        if not source.enabled or self._function(source) is None:
            return False
        with self._lock:
            fed = self._fed.setdefault(source.id, _Fed())
            if len(fed.busy) + fed.starting >= min(source.concurrency, _MOST_CALLS):
                return False
        messages = self._receive(source)
        # Asked again: a message that was sent after the code changed is for the changed code.
        function = self._function(source)
        if not messages or function is None:
            return False
        if self._calls is None:
            self._calls = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="function")
        with self._lock:
            fed.starting += 1
        self._calls.submit(self._call, source, function, fed, messages)
        return True

    def _function(self, source: EventSource) -> Function | None:
        return self._functions.get(source.account, source.region, source.function_name)

    def _call(
        self, source: EventSource, function: Function, fed: _Fed, messages: list[dict[str, Any]]
    ) -> None:
        try:
            process = self._process(function, fed)
        except Exception:
            log.exception("the function %s can't be started", function.name)
            return
        try:
            event = {"Records": [_record(source, message) for message in messages]}
            answer = process.call(event)
            self._delete(source, _finished(source, messages, answer))
        except FunctionDiedError as error:
            if not self._stop.is_set():
                log.warning("the function %s did not finish a batch: %s", function.name, error)
        except Exception:
            log.exception("a batch of %s", function.name)
        finally:
            with self._lock:
                fed.busy.remove(process)
                if process.alive:
                    fed.idle.append(process)
            self._wake.set()

    def _process(self, function: Function, fed: _Fed) -> FunctionProcess:
        """An idle process of the function as it is now, or a new one."""
        stale = []
        try:
            with self._lock:
                while fed.idle:
                    process = fed.idle.pop()
                    if process.alive and process.revision == function.revision:
                        fed.busy.append(process)
                        return process
                    stale.append(process)
            folder = self._folder / function.name
            folder.mkdir(parents=True, exist_ok=True)
            process = FunctionProcess(function, folder, self._url)
            with self._lock:
                fed.busy.append(process)
            if self._stop.is_set():
                process.end()
            return process
        finally:
            with self._lock:
                fed.starting -= 1
            for old in stale:
                old.end()

    def _end_orphans(self, ids: set[str]) -> None:
        """End the idle processes of event sources that are gone."""
        with self._lock:
            gone = [self._fed.pop(id) for id in [*self._fed] if id not in ids]
        for fed in gone:
            for process in (*fed.idle, *fed.busy):
                process.end()

    def _receive(self, source: EventSource) -> list[dict[str, Any]]:
        asked = {
            "QueueUrl": self._queue(source),
            "MaxNumberOfMessages": min(source.batch_size, 10),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
            "WaitTimeSeconds": 0,
        }
        answer: dict[str, Any] = _clients(source).call("sqs", "receive_message", asked)
        return list(answer.get("Messages", []))

    def _delete(self, source: EventSource, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            named = {"QueueUrl": self._queue(source), "ReceiptHandle": message["ReceiptHandle"]}
            _clients(source).call("sqs", "delete_message", named)

    def _queue(self, source: EventSource) -> str:
        return f"{self._url}/{source.account}/{source.queue_arn.rpartition(':')[2]}"


def _finished(source: EventSource, messages: list[dict[str, Any]], answer: object) -> list[dict[str, Any]]:
    """The messages that may leave the queue: all, where the function does not report failures."""
    if not source.reports_failures or not isinstance(answer, Mapping):
        return messages
    failed = {one["itemIdentifier"] for one in answer.get("batchItemFailures") or []}
    return [message for message in messages if message["MessageId"] not in failed]


def _record(source: EventSource, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as Lambda hands it over. Source: Lambda developer guide, `with-sqs`."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": source.region,
    }


def _clients(source: EventSource) -> Any:
    from mme_local.aws import clients_of

    return clients_of(source.account, source.region)

"""Calls functions with messages of their queues, as Lambda's event source mappings do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from mme_local.aws.functions import EventSource, Function, Functions
from mme_local.functions.process import FunctionDiedError, FunctionProcess

log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 0.5
_MAX_CALLS: Final = 32
_Messages = list[dict[str, Any]]


class _Pool:
    """The processes of one event source.

    Attributes:
        calls: calls in progress, those that wait for their process included.
        idle: processes without a call.
        busy: processes with one.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.idle: list[FunctionProcess] = []
        self.busy: list[FunctionProcess] = []

    @property
    def processes(self) -> list[FunctionProcess]:
        """All processes."""
        return [*self.busy, *self.idle]


class Poller:
    """Feeds every deployed function from its queue until it is stopped.

    A message that a function does not finish becomes visible again after its visibility timeout; the redrive
    policy is applied by SQS.

    Args:
        url: address of embedded AWS.
        folder: for the functions' code and logs.
        functions: the deployed functions.
    """

    def __init__(self, url: str, folder: Path, functions: Functions) -> None:
        self._url = url
        self._folder = folder
        self._functions = functions
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._executor = ThreadPoolExecutor(_MAX_CALLS, thread_name_prefix="function")
        self._thread = threading.Thread(target=self._run, name="functions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End every process and wait for the threads; messages in progress stay in their queues."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        self._end_pools(set())
        self._executor.shutdown()

    def describe(self) -> list[dict[str, object]]:
        """Return each event source with its function, queue and processes."""
        with self._lock:
            return [
                {
                    "function": source.function_name,
                    "queue": source.queue_arn.rpartition(":")[2],
                    "pids": [process.pid for process in pool.processes],
                    "busy": len(pool.busy),
                }
                for source in self._functions.sources()
                if (pool := self._pools.get(source.id))
            ]

    def _run(self) -> None:
        while not self._stop.is_set():
            received = False
            try:
                sources = self._functions.sources()
                self._end_pools({source.id for source in sources})
                for source in sources:
                    received |= self._feed(source)
            except Exception:
                log.exception("functions can't be fed from their queues")
            if not received:
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()

    def _end_pools(self, ids: set[str]) -> None:
        """End the processes of all event sources but these."""
        with self._lock:
            pools = [self._pools.pop(id) for id in [*self._pools] if id not in ids]
        for process in (process for pool in pools for process in pool.processes):
            process.end()

    def _feed(self, source: EventSource) -> bool:
        """Start a call with one batch if there is a free slot; return whether there was a batch."""
        if not source.enabled or self._function(source) is None:
            return False
        with self._lock:
            pool = self._pools.setdefault(source.id, _Pool())
            if pool.calls >= min(source.concurrency, _MAX_CALLS):
                return False
        messages = self._receive(source)
        # Read again: a message that was sent after a code change is for the new code.
        function = self._function(source)
        if not messages or function is None:
            return False
        with self._lock:
            pool.calls += 1
        self._executor.submit(self._call, source, function, pool, messages)
        return True

    def _function(self, source: EventSource) -> Function | None:
        return self._functions.get(source.account, source.region, source.function_name)

    def _call(self, source: EventSource, function: Function, pool: _Pool, messages: _Messages) -> None:
        process = None
        try:
            process = self._take_process(function, pool)
            event = {"Records": [_record(source, message) for message in messages]}
            self._delete(source, _finished(source, messages, process.call(event)))
        except FunctionDiedError as error:
            if not self._stop.is_set():
                log.warning("the function %s did not finish a batch: %s", function.name, error)
        except Exception:
            log.exception("the function %s can't be called", function.name)
        finally:
            with self._lock:
                pool.calls -= 1
                if process is not None:
                    pool.busy.remove(process)
                    if process.alive:
                        pool.idle.append(process)
            self._wake.set()

    def _take_process(self, function: Function, pool: _Pool) -> FunctionProcess:
        """Return a process of the function's current code: an idle one, or a new one."""
        with self._lock:
            current = [one for one in pool.idle if one.alive and one.revision == function.revision]
            stale = [one for one in pool.idle if one not in current]
            process = current.pop() if current else None
            pool.idle = current
            if process is not None:
                pool.busy.append(process)
        for old in stale:
            old.end()
        if process is None:
            folder = self._folder / function.name
            folder.mkdir(parents=True, exist_ok=True)
            process = FunctionProcess(function, folder, self._url)
            with self._lock:
                pool.busy.append(process)
            if self._stop.is_set():
                process.end()
        return process

    def _receive(self, source: EventSource) -> _Messages:
        parameters = {
            "QueueUrl": self._queue(source),
            "MaxNumberOfMessages": min(source.batch_size, 10),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
            "WaitTimeSeconds": 0,
        }
        answer: dict[str, Any] = _clients(source).call("sqs", "receive_message", parameters)
        return list(answer.get("Messages", []))

    def _delete(self, source: EventSource, messages: _Messages) -> None:
        for message in messages:
            parameters = {"QueueUrl": self._queue(source), "ReceiptHandle": message["ReceiptHandle"]}
            _clients(source).call("sqs", "delete_message", parameters)

    def _queue(self, source: EventSource) -> str:
        return f"{self._url}/{source.account}/{source.queue_arn.rpartition(':')[2]}"


def _finished(source: EventSource, messages: _Messages, answer: object) -> _Messages:
    """Return the messages to delete: all but those that the function reports as failed."""
    if not source.reports_failures or not isinstance(answer, Mapping):
        return messages
    failed = {one["itemIdentifier"] for one in answer.get("batchItemFailures") or []}
    return [message for message in messages if message["MessageId"] not in failed]


def _record(source: EventSource, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message in Lambda's form. Source: Lambda developer guide, `with-sqs`."""
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

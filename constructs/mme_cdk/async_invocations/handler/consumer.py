"""One message from the queue to its end."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from .environment import Environment
from .faults import ElsewhereError, PoisonError, RefusedError, RetryError
from .invocation import Invoker
from .notifications import Notifier
from .outcomes import COMPLETED, DEAD, FAILED, LostRaceError, Outcome, OutcomeStore
from .request import Request, parse

log = logging.getLogger(__name__)

PAYLOAD_MAX_BYTES: Final = 25 * 1000 * 1000
"""Largest real-time request body. Source: SageMaker AI FAQ, real-time inference, 25 MB."""

_FIRST_PAUSE_SECONDS: Final = 5
_LONGEST_PAUSE_SECONDS: Final = 300
_NO_ACCESS: Final = frozenset({"AccessDenied", "403"})
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


class Consumer:
    """Handles messages, from many threads at once.

    Args:
        environment: the function's surroundings.
        s3: a boto3 client.
        sqs: a boto3 client.
        sns: a boto3 client.
        invoker: calls the models.
        now: seconds since 1970.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        s3: Any,
        sqs: Any,
        sns: Any,
        invoker: Invoker,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._environment = environment
        self._s3 = s3
        self._sqs = sqs
        self._outcomes = OutcomeStore(s3, environment)
        self._notifier = Notifier(sns, environment)
        self._invoker = invoker
        self._now = now

    def handle(self, record: Mapping[str, Any], seconds_left: Callable[[], float]) -> bool:
        """Bring one message to its end, and say whether it may leave the queue.

        Args:
            record: as Lambda gives it: `messageId`, `receiptHandle`, `body`, `attributes`.
            seconds_left: how long the function may still run.
        """
        try:
            request = parse(record["body"])
        except PoisonError as error:
            self._send_letter(record, str(error), inference_id="")
            return True
        try:
            self._bring_to_an_end(record, request, seconds_left)
        except RetryError as error:
            log.info("%s is tried again: %s", request.inference_id, error.reason)
            self._hand_back(record)
            return False
        except ElsewhereError:
            return False
        return True

    def _bring_to_an_end(
        self, record: Mapping[str, Any], request: Request, seconds_left: Callable[[], float]
    ) -> None:
        dead = self._outcomes.find(request)
        if dead and self._is_settled(record, request, dead):
            return
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        if receives > self._environment.max_attempts:
            ended = f"the consumer ended {receives - 1} times before it had an outcome"
            self._park(record, request, f"InternalServerError: {ended}", dead)
            return
        last = receives == self._environment.max_attempts
        try:
            self._settle(record, request, self._attempt(record, request, seconds_left), dead)
        except RefusedError as error:
            self._settle(record, request, self._failure(record, request, error.reason, error.body), dead)
        except RetryError as error:
            if not last:
                raise
            if error.ends_as_failure:
                failure = self._failure(record, request, error.reason, error.body)
                self._settle(record, request, failure, dead)
            else:
                self._park(record, request, error.reason, dead)

    def _is_settled(self, record: Mapping[str, Any], request: Request, found: Outcome) -> bool:
        """Whether nothing is left to do but to tell; False for a dead letter that is to be tried again."""
        if found.digest != request.digest:
            self._tell_duplicate(record, request)
        elif found.status != DEAD:
            self._tell(record, request, found)
        elif found.message_id == record["messageId"]:
            self._send_letter(record, found.reason, request.inference_id)
        else:
            return False  # sent anew, from the dead-letter queue or by its sender
        return True

    def _attempt(
        self, record: Mapping[str, Any], request: Request, seconds_left: Callable[[], float]
    ) -> Outcome:
        here = self._environment
        key = request.check(here.endpoint_name, here.inputs)
        age = self._now() - _sent(record).timestamp()
        if age > request.ttl_seconds:
            raise RefusedError(
                f"ClientError: the request expired: it is {age:.0f} s old, and RequestTTLSeconds is "
                f"{request.ttl_seconds}"
            )
        answer = self._invoker.invoke(request, self._input(key), seconds_left)
        return Outcome(
            COMPLETED,
            request.digest,
            record["messageId"],
            answer.content_type,
            answer.body,
            custom_attributes=answer.custom_attributes,
        )

    def _input(self, key: str) -> bytes:
        place = self._environment.inputs
        try:
            found = self._s3.get_object(Bucket=place.bucket, Key=key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                raise RefusedError(f"ClientError: the input {place.url(key)} does not exist") from error
            if code in _NO_ACCESS:
                raise RetryError(f"InternalServerError: the input {place.url(key)} can't be read") from error
            raise RetryError(f"InternalServerError: reading {place.url(key)}: {code}") from error
        size = int(found["ContentLength"])
        if size > PAYLOAD_MAX_BYTES:
            found["Body"].close()
            raise RefusedError(
                f"ClientError: the input has {size / 1e6:.1f} MB, and a multi-model endpoint takes "
                f"{PAYLOAD_MAX_BYTES / 1e6:.0f} MB"
            )
        body: bytes = found["Body"].read()
        return body

    def _failure(self, record: Mapping[str, Any], request: Request, reason: str, body: bytes) -> Outcome:
        return Outcome(FAILED, request.digest, record["messageId"], "text/plain", body, reason)

    def _settle(
        self, record: Mapping[str, Any], request: Request, outcome: Outcome, dead: Outcome | None
    ) -> None:
        try:
            self._outcomes.settle(request, outcome, dead)
        except LostRaceError:
            self._yield_to_the_other(record, request)
            return
        self._tell(record, request, outcome)

    def _park(self, record: Mapping[str, Any], request: Request, reason: str, dead: Outcome | None) -> None:
        """Make it a dead letter: first settled, so that a late answer to it can't be a second outcome."""
        letter = Outcome(DEAD, request.digest, record["messageId"], "text/plain", reason.encode(), reason)
        try:
            self._outcomes.settle(request, letter, dead)
        except LostRaceError:
            self._yield_to_the_other(record, request)
            return
        self._send_letter(record, reason, request.inference_id)
        told = replace(letter, reason=f"{reason} (the request is in the dead-letter queue)")
        self._notifier.tell(request, told, "", _sent(record))

    def _yield_to_the_other(self, record: Mapping[str, Any], request: Request) -> None:
        """Another consumer settled it meanwhile: finish what that one may have left.

        Raises:
            ElsewhereError: it made a dead letter of it; the message is that one's to delete.
        """
        found = self._outcomes.find(request)
        if found is None:
            raise RetryError("InternalServerError: the outcome changed while it was read")
        if found.digest != request.digest:
            self._tell_duplicate(record, request)
        elif found.status == DEAD:
            raise ElsewhereError
        else:
            self._tell(record, request, found)

    def _tell(self, record: Mapping[str, Any], request: Request, outcome: Outcome) -> None:
        location = self._outcomes.publish(request, outcome)
        self._notifier.tell(request, outcome, location, _sent(record))
        log.info("%s %s: %s", request.inference_id, outcome.status, outcome.reason or location)

    def _tell_duplicate(self, record: Mapping[str, Any], request: Request) -> None:
        reason = (
            f"ClientError: inference id {request.inference_id} is that of another request: "
            "its outcome stands, and this request was not run"
        )
        location = self._outcomes.publish_duplicate(request, reason)
        failure = Outcome(FAILED, request.digest, record["messageId"], "text/plain", None, reason)
        self._notifier.tell(request, failure, location, _sent(record))
        log.info("%s is a duplicate", request.inference_id)

    def _send_letter(self, record: Mapping[str, Any], reason: str, inference_id: str) -> None:
        told = {"Reason": reason[:1000], "InferenceId": inference_id, "MessageId": record["messageId"]}
        self._sqs.send_message(
            QueueUrl=self._environment.dead_letter_queue_url,
            MessageBody=record["body"],
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value
            },
        )
        log.warning("message %s is a dead letter: %s", record["messageId"], reason)

    def _hand_back(self, record: Mapping[str, Any]) -> None:
        """Let it be seen again after a pause that grows, not only when its visibility timeout is over."""
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (receives - 1))
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._environment.queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=round(random.uniform(pause / 2, pause)),  # noqa: S311 - spreads retries
            )
        except ClientError as error:
            log.info("message %s keeps its time: %s", record["messageId"], error)


def _sent(record: Mapping[str, Any]) -> datetime:
    """When it was put into the queue; SQS's own clock, in milliseconds."""
    return datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)

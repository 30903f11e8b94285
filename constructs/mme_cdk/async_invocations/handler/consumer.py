"""Processes messages of the queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from botocore.exceptions import ClientError

from .backoff import Backoff
from .environment import ConsumerSettings
from .errors import PoisonMessageError, RequestError, RetryableError
from .invocation import Invoker
from .message import Message
from .notifications import Notifier
from .outcomes import COMPLETED, DEAD, FAILED, OutcomeStore, RequestOutcome
from .request import Request, parse

log = logging.getLogger(__name__)

PAYLOAD_MAX_BYTES: Final = 25 * 1000 * 1000
"""Largest real-time request body. Source: SageMaker AI FAQ, real-time inference, 25 MB."""

_BACKOFF: Final = Backoff(first_seconds=5, longest_seconds=300)
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


@dataclass(frozen=True)
class Consumer:
    """Processes messages, in several threads at once.

    Attributes:
        environment: The function's environment.
        s3: A boto3 client.
        sqs: A boto3 client.
        sns: A boto3 client.
        invoker: Invokes the models.
    """

    environment: ConsumerSettings
    s3: Any
    sqs: Any
    sns: Any
    invoker: Invoker

    @property
    def _outcomes(self) -> OutcomeStore:
        return OutcomeStore(self.s3, self.environment)

    @property
    def _notifier(self) -> Notifier:
        return Notifier(self.sns, self.environment)

    def handle(self, record: Mapping[str, Any], seconds_left: Callable[[], float]) -> bool:
        """Process one message and return whether it may leave the queue.

        Args:
            record: Record of Lambda's SQS event.
            seconds_left: How long the function may still run.
        """
        message = Message.of_record(record)
        try:
            request = parse(message.body)
        except PoisonMessageError as error:
            self._send_to_dead_letter_queue(message, str(error), inference_id="")
            return True
        try:
            return self._process(message, request, seconds_left)
        except RetryableError as error:
            log.info("%s is retried: %s", request.inference_id, error.reason)
            self._return_to_queue(message)
            return False

    def _process(self, message: Message, request: Request, seconds_left: Callable[[], float]) -> bool:
        """Run a request unless it has ended; return whether its message may leave the queue."""
        owner = self._outcomes.owner(request)
        owned = owner == request.digest
        if owner and not owned:
            self._publish(
                message, request, RequestOutcome(status=FAILED, digest=owner, message_id="", body=b"")
            )
            return True
        previous = self._outcomes.find(request)
        of_another = previous is not None and owned and previous.digest != request.digest
        if previous and not of_another and not _is_redriven(message, request, previous):
            self._publish(message, request, previous, owned=owned)
            return True
        outcome = self._run(message, request, seconds_left)
        if not self._outcomes.settle(request, outcome, previous):
            # Another consumer was first: finish what it may have left undone.
            other = self._outcomes.find(request)
            if other is None:
                raise RetryableError("InternalServerError: the outcome changed while it was read")
            if other.digest == request.digest and other.status == DEAD:
                return False  # that consumer deletes the message
            outcome = other
        self._publish(message, request, outcome, owned=owned)
        return True

    def _run(self, message: Message, request: Request, seconds_left: Callable[[], float]) -> RequestOutcome:
        """Invoke the model and return how the request ends.

        Raises:
            RetryableError: It has attempts left.
        """
        max_attempts = self.environment.max_attempts
        try:
            if message.receives > max_attempts:
                died = f"the consumer died {message.receives - 1} times before it had an outcome"
                raise RetryableError(f"InternalServerError: {died}")
            return self._invoke(message, request, seconds_left)
        except RetryableError as error:
            if message.receives < max_attempts:
                raise
            status = FAILED if error.model_failed else DEAD
            return _failure(message, request, error, status)
        except RequestError as error:
            return _failure(message, request, error, FAILED)

    def _invoke(
        self, message: Message, request: Request, seconds_left: Callable[[], float]
    ) -> RequestOutcome:
        environment = self.environment
        key = request.check(environment.endpoint_name, environment.inputs)
        age = time.time() - message.sent.timestamp()
        if age > request.ttl_seconds:
            raise RequestError(
                f"ClientError: the request expired; it is {age:.0f} s old, and RequestTTLSeconds is "
                f"{request.ttl_seconds}"
            )
        answer = self.invoker.invoke(request, self._read_input(key), seconds_left)
        return RequestOutcome(
            status=COMPLETED,
            digest=request.digest,
            message_id=message.id,
            content_type=answer.content_type,
            body=answer.body,
            custom_attributes=answer.custom_attributes,
        )

    def _read_input(self, key: str) -> bytes:
        place = self.environment.inputs
        try:
            found = self.s3.get_object(Bucket=place.bucket, Key=key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                raise RequestError(f"ClientError: the input {place.url(key)} does not exist") from error
            raise RetryableError(f"InternalServerError: reading {place.url(key)}: {code}") from error
        size = int(found["ContentLength"])
        if size > PAYLOAD_MAX_BYTES:
            found["Body"].close()
            raise RequestError(
                f"ClientError: the input has {size / 1e6:.1f} MB; a multi-model endpoint takes at most "
                f"{PAYLOAD_MAX_BYTES / 1e6:.0f} MB"
            )
        body: bytes = found["Body"].read()
        return body

    def _publish(
        self, message: Message, request: Request, outcome: RequestOutcome, *, owned: bool = False
    ) -> None:
        """Write and announce a stored outcome; repeating it is harmless."""
        if outcome.digest != request.digest:
            reason = (
                f"ClientError: inference id {request.inference_id} belongs to another request, whose outcome "
                "stands; this request was not run"
            )
            outcome = _failure(message, request, RequestError(reason), FAILED)
            location = self._outcomes.publish(request, outcome, f"-duplicate-{request.digest[:16]}")
        elif outcome.status == DEAD:
            self._send_to_dead_letter_queue(message, outcome.reason, request.inference_id)
            outcome = replace(outcome, reason=f"{outcome.reason} (the request is in the dead-letter queue)")
            location = ""
        else:
            location = self._outcomes.publish(request, outcome, replace_other=owned)
        self._notifier.notify(request, outcome, location, message.sent)
        log.info("%s %s: %s", request.inference_id, outcome.status, outcome.reason or location)

    def _send_to_dead_letter_queue(self, message: Message, reason: str, inference_id: str) -> None:
        attributes = {"Reason": reason[:1000], "InferenceId": inference_id, "MessageId": message.id}
        self.sqs.send_message(
            QueueUrl=self.environment.dead_letter_queue_url,
            MessageBody=message.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
                if value
            },
        )
        log.warning("message %s is in the dead-letter queue: %s", message.id, reason)

    def _return_to_queue(self, message: Message) -> None:
        """Make the message visible after a delay with backoff, not only after its visibility timeout."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.environment.queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=round(_BACKOFF.delay(message.receives)),
            )
        except ClientError as error:
            log.info("message %s stays invisible for its whole timeout: %s", message.id, error)


def _is_redriven(message: Message, request: Request, previous: RequestOutcome) -> bool:
    """Return whether this is a dead letter that was sent again, as a new message."""
    return previous.status == DEAD and previous.digest == request.digest and previous.message_id != message.id


def _failure(message: Message, request: Request, error: RequestError, status: str) -> RequestOutcome:
    return RequestOutcome(
        status=status, digest=request.digest, message_id=message.id, body=error.body, reason=error.reason
    )

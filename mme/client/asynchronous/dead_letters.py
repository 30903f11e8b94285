"""The dead-letter queue: messages that could not be handled, with their reason."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mme.client.asynchronous.locations import AsyncLocations

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_VISIBILITY_SECONDS: Final = 30
_WITHOUT_REASON: Final = "the consumer crashed each time it processed this message"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue.

    Attributes:
        inference_id: Identity of the request, or empty if the message has none.
        target_model: Target model of the request, or empty.
        reason: Why it is in the dead-letter queue.
        sent: When it was sent there.
        body: The message as it was sent.
    """

    inference_id: str
    target_model: str
    reason: str
    sent: datetime
    body: str


class DeadLetters:
    """The dead-letter queue of one deployment.

    Args:
        locations: The deployment's queues and buckets.
        sqs: A boto3 SQS client.
    """

    def __init__(self, locations: AsyncLocations, sqs: SQSClient) -> None:
        self._locations = locations
        self._sqs = sqs

    def peek(self, limit: int = 100) -> list[DeadLetter]:
        """Return messages without removing them.

        SQS hides a message while it is read, so two concurrent readers each get a part.

        Args:
            limit: Most messages to return.
        """
        messages: list[DeadLetter] = []
        handles: list[str] = []
        try:
            for message in self._received(limit):
                handles.append(message["ReceiptHandle"])
                messages.append(_dead_letter(message))
        finally:
            self._release(handles)
        return messages

    def redrive(self, inference_ids: Collection[str] = (), *, limit: int = 10_000) -> Iterator[DeadLetter]:
        """Send messages to the queue again, with all their attempts.

        A message is deleted after it was sent, so none is lost; a message that is sent twice has one outcome.

        Args:
            inference_ids: Requests to send again; all by default.
            limit: Most messages to read.

        Yields:
            Each message that was sent.
        """
        stay: list[str] = []
        try:
            for message in self._received(limit):
                letter = _dead_letter(message)
                if inference_ids and letter.inference_id not in inference_ids:
                    stay.append(message["ReceiptHandle"])
                    continue
                self._sqs.send_message(QueueUrl=self._locations.queue_url, MessageBody=message["Body"])
                self._sqs.delete_message(
                    QueueUrl=self._locations.dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                yield letter
        finally:
            self._release(stay)

    def _received(self, limit: int) -> Iterator[dict[str, Any]]:
        received_ids: set[str] = set()
        while len(received_ids) < limit:
            asked: dict[str, Any] = {
                "QueueUrl": self._locations.dead_letter_queue_url,
                "MaxNumberOfMessages": min(10, limit - len(received_ids)),
                "VisibilityTimeout": _VISIBILITY_SECONDS,
                # A long poll asks all SQS servers, a short poll only some. Source: SQS guide, long polling.
                "WaitTimeSeconds": 1,
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            }
            answer: dict[str, Any] = dict(self._sqs.receive_message(**asked))
            fresh = [one for one in answer.get("Messages", []) if one["MessageId"] not in received_ids]
            if not fresh:
                return
            for message in fresh:
                received_ids.add(message["MessageId"])
                yield message

    def _release(self, handles: list[str]) -> None:
        for handle in handles:
            self._sqs.change_message_visibility(
                QueueUrl=self._locations.dead_letter_queue_url, ReceiptHandle=handle, VisibilityTimeout=0
            )


def _dead_letter(message: dict[str, Any]) -> DeadLetter:
    attributes = {
        name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()
    }
    try:
        fields = json.loads(message["Body"])
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        fields = {}
    return DeadLetter(
        inference_id=attributes.get("InferenceId") or str(fields.get("InferenceId") or ""),
        target_model=str(fields.get("TargetModel") or ""),
        reason=attributes.get("Reason", _WITHOUT_REASON),
        sent=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        body=message["Body"],
    )

"""Requests that could not be handled: why, and how they are sent anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mme.client.asynchronous.locations import AsyncLocations

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LOOKED_AT_SECONDS: Final = 30
_WITHOUT_REASON: Final = "the consumer ended each time it worked on this message"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue.

    Attributes:
        inference_id: of the request, or empty where the message has none.
        target_model: of the request, or empty.
        reason: why it is here.
        sent: when it was sent to the queue it is in.
        body: the message as it was sent.
    """

    inference_id: str
    target_model: str
    reason: str
    sent: datetime
    body: str


class DeadLetters:
    """The dead-letter queue of one deployment.

    Args:
        locations: where it is.
        sqs: a boto3 client.
    """

    def __init__(self, locations: AsyncLocations, sqs: SQSClient) -> None:
        self._locations = locations
        self._sqs = sqs

    def peek(self, limit: int = 100) -> list[DeadLetter]:
        """Look at the letters and leave them there.

        SQS hides what is looked at for a moment: two people who look at once see each a part.

        Args:
            limit: most letters to look at.
        """
        seen: list[DeadLetter] = []
        handles: list[str] = []
        try:
            for message in self._received(limit):
                handles.append(message["ReceiptHandle"])
                seen.append(_letter(message))
        finally:
            self._release(handles)
        return seen

    def redrive(self, inference_ids: Collection[str] = (), *, limit: int = 10_000) -> Iterator[DeadLetter]:
        """Send letters anew, each with all its attempts; those of other ids stay.

        A letter is deleted after it was sent, so none is lost; one that is sent twice has still one outcome.

        Args:
            inference_ids: which; all where none is named.
            limit: most letters to look at.
        """
        stay: list[str] = []
        try:
            for message in self._received(limit):
                letter = _letter(message)
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
        seen: set[str] = set()
        while len(seen) < limit:
            asked: dict[str, Any] = {
                "QueueUrl": self._locations.dead_letter_queue_url,
                "MaxNumberOfMessages": min(10, limit - len(seen)),
                "VisibilityTimeout": _LOOKED_AT_SECONDS,
                # Asks all of SQS's servers, where a short poll asks some. Source: SQS guide, long polling.
                "WaitTimeSeconds": 1,
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            }
            answer: dict[str, Any] = dict(self._sqs.receive_message(**asked))
            fresh = [one for one in answer.get("Messages", []) if one["MessageId"] not in seen]
            if not fresh:
                return
            for message in fresh:
                seen.add(message["MessageId"])
                yield message

    def _release(self, handles: list[str]) -> None:
        for handle in handles:
            self._sqs.change_message_visibility(
                QueueUrl=self._locations.dead_letter_queue_url, ReceiptHandle=handle, VisibilityTimeout=0
            )


def _letter(message: dict[str, Any]) -> DeadLetter:
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

"""A message of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Message:
    """One SQS message as Lambda delivers it.

    Attributes:
        id: The message's id.
        receipt_handle: Handle of this delivery.
        body: What was sent.
        receives: Number of deliveries, this one included.
        sent: When it was sent to the queue, by SQS's clock.
    """

    id: str
    receipt_handle: str
    body: str
    receives: int
    sent: datetime

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Message:
        """Read a record of Lambda's SQS event."""
        attributes = record["attributes"]
        return cls(
            id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receives=int(attributes["ApproximateReceiveCount"]),
            sent=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        )

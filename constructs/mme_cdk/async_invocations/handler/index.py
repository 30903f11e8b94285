"""The function's entry point."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from .consumer import Consumer
from .environment import ConsumerSettings
from .invocation import Invoker

log = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Process the messages of a batch concurrently.

    Args:
        event: Lambda's SQS event.
        context: Lambda's context.

    Returns:
        The messages that stay in the queue, as Lambda expects partial failures.
    """
    records = event["Records"]
    shared = consumer()  # before the threads start: boto3 can't create clients in several at once

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def handled(record: Mapping[str, Any]) -> bool:
        try:
            return shared.handle(record, seconds_left)
        except Exception:
            # The other messages go on; this one becomes visible again after its timeout.
            log.exception("message %s", record.get("messageId"))
            return False

    with ThreadPoolExecutor(len(records)) as threads:
        results = [*threads.map(handled, records)]
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record, done in zip(records, results, strict=True)
            if not done
        ]
    }


@cache
def consumer() -> Consumer:
    """Return the consumer of this process, whose clients keep their connections."""
    environment = ConsumerSettings.load()
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, max_pool_connections=20
    )
    return Consumer(
        environment,
        s3=boto3.client("s3", config=config),
        sqs=boto3.client("sqs", config=config),
        sns=boto3.client("sns", config=config),
        invoker=Invoker(environment.endpoint_name, environment.load_seconds),
    )

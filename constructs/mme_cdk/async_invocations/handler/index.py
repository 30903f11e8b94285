"""The function's entry point: `handler(event, context)`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from .consumer import Consumer
from .environment import Environment
from .invocation import Invoker

log = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Handle a batch of messages at once.

    Returns:
        the messages that are to stay in the queue, as Lambda wants partial failures reported.
    """
    records = event["Records"]
    here = consumer()  # made once: boto3 makes no clients in several threads at once

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def kept(record: Mapping[str, Any]) -> bool:
        try:
            return not here.handle(record, seconds_left)
        except Exception:
            # One message's trouble must not be another's; this one is seen again after its time.
            log.exception("message %s", record.get("messageId"))
            return True

    with ThreadPoolExecutor(len(records)) as threads:
        staying = [record for record, stays in zip(records, threads.map(kept, records), strict=True) if stays]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in staying]}


@cache
def consumer() -> Consumer:
    """The consumer of this process: its clients keep their connections."""
    environment = Environment.load()
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

"""The function's environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyPrefix:
    """A bucket and a key prefix, which is empty or ends in `/`."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> KeyPrefix:
        """Parse `s3://bucket/prefix/`."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        return cls(bucket, prefix)

    def url(self, key: str = "") -> str:
        """Return `s3://bucket/key`; without a key, the URL of the prefix."""
        return f"s3://{self.bucket}/{key or self.prefix}"


@dataclass(frozen=True)
class ConsumerSettings:
    """What `AsyncInvocations` configures.

    Attributes:
        endpoint_name: Endpoint to invoke.
        queue_url: Queue of the requests.
        dead_letter_queue_url: Queue of the messages that can't be processed.
        success_topic_arn: Topic of completed requests.
        error_topic_arn: Topic of failed requests.
        inputs: Prefix of request bodies.
        outputs: Prefix of answers.
        failures: Prefix of failures.
        outcomes: Prefix of the objects that decide, once per inference id, how its request ended.
        max_attempts: Attempts per request.
        load_seconds: How long one attempt waits for a model that is loading.
        region: AWS region, for notifications.
    """

    endpoint_name: str
    queue_url: str
    dead_letter_queue_url: str
    success_topic_arn: str
    error_topic_arn: str
    inputs: KeyPrefix
    outputs: KeyPrefix
    failures: KeyPrefix
    outcomes: KeyPrefix
    max_attempts: int
    load_seconds: float
    region: str

    @classmethod
    def load(cls, variables: Mapping[str, str] | None = None) -> ConsumerSettings:
        """Read the environment variables.

        Raises:
            KeyError: A variable is missing.
        """
        given = os.environ if variables is None else variables
        return cls(
            endpoint_name=given["MME_ENDPOINT_NAME"],
            queue_url=given["MME_QUEUE_URL"],
            dead_letter_queue_url=given["MME_DEAD_LETTER_QUEUE_URL"],
            success_topic_arn=given["MME_SUCCESS_TOPIC_ARN"],
            error_topic_arn=given["MME_ERROR_TOPIC_ARN"],
            inputs=KeyPrefix.parse(given["MME_INPUT_LOCATION"]),
            outputs=KeyPrefix.parse(given["MME_OUTPUT_LOCATION"]),
            failures=KeyPrefix.parse(given["MME_FAILURE_LOCATION"]),
            outcomes=KeyPrefix.parse(given["MME_OUTCOME_LOCATION"]),
            max_attempts=int(given["MME_MAX_ATTEMPTS"]),
            load_seconds=float(given["MME_LOAD_SECONDS"]),
            region=given["AWS_REGION"],
        )

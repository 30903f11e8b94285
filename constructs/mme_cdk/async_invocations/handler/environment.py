"""What the construct tells its function, by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """A bucket and a key prefix in it, which is empty or ends in `/`."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """From `s3://bucket/prefix/`."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        return cls(bucket, prefix)

    def url(self, key: str = "") -> str:
        """`s3://bucket/key`; without a key, that of the prefix itself."""
        return f"s3://{self.bucket}/{key or self.prefix}"


@dataclass(frozen=True)
class Environment:
    """The function's surroundings.

    Attributes:
        endpoint_name: what is invoked.
        queue_url: where messages come from.
        dead_letter_queue_url: where those go that can't be handled.
        success_topic_arn: told of answers.
        error_topic_arn: told of failures.
        inputs: where requests' bodies may lie.
        outputs: where answers are put.
        failures: where failures are put.
        outcomes: where it is settled, once for each inference id, how its request ended.
        max_attempts: how often a request is tried.
        load_seconds: how long one attempt waits for a model that is loading.
        region: the AWS region, for notifications.
    """

    endpoint_name: str
    queue_url: str
    dead_letter_queue_url: str
    success_topic_arn: str
    error_topic_arn: str
    inputs: Location
    outputs: Location
    failures: Location
    outcomes: Location
    max_attempts: int
    load_seconds: float
    region: str

    @classmethod
    def load(cls, variables: Mapping[str, str] | None = None) -> Environment:
        """From the variables that `AsyncInvocations` sets; KeyError names one that is missing."""
        given = os.environ if variables is None else variables
        return cls(
            endpoint_name=given["MME_ENDPOINT_NAME"],
            queue_url=given["MME_QUEUE_URL"],
            dead_letter_queue_url=given["MME_DEAD_LETTER_QUEUE_URL"],
            success_topic_arn=given["MME_SUCCESS_TOPIC_ARN"],
            error_topic_arn=given["MME_ERROR_TOPIC_ARN"],
            inputs=Location.parse(given["MME_INPUT_LOCATION"]),
            outputs=Location.parse(given["MME_OUTPUT_LOCATION"]),
            failures=Location.parse(given["MME_FAILURE_LOCATION"]),
            outcomes=Location.parse(given["MME_OUTCOME_LOCATION"]),
            max_attempts=int(given["MME_MAX_ATTEMPTS"]),
            load_seconds=float(given["MME_LOAD_SECONDS"]),
            region=given["AWS_REGION"],
        )

"""The queue and buckets of a deployment, from its stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

QUEUE_OUTPUT: Final = "AsyncQueueUrl"
DEAD_LETTERS_OUTPUT: Final = "AsyncDeadLetterQueueUrl"
INPUTS_OUTPUT: Final = "AsyncInputLocation"
OUTPUTS_OUTPUT: Final = "AsyncOutputLocation"
FAILURES_OUTPUT: Final = "AsyncFailureLocation"
OUTCOMES_OUTPUT: Final = "AsyncOutcomeLocation"

_ALL: Final = (
    QUEUE_OUTPUT,
    DEAD_LETTERS_OUTPUT,
    INPUTS_OUTPUT,
    OUTPUTS_OUTPUT,
    FAILURES_OUTPUT,
    OUTCOMES_OUTPUT,
)


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a key prefix, which is empty or ends in `/`."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """Parse `s3://bucket/prefix/`.

        Raises:
            MmeError: It is not an S3 URL.
        """
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise MmeError(f"{url!r} is not an S3 location", hint="write it as s3://bucket/prefix/")
        return cls(bucket, prefix)

    def key(self, inference_id: str, ending: str = "") -> str:
        """Return the key of a request's object. The id is quoted, so that it adds no folders.

        Args:
            inference_id: Identity of the request.
            ending: Appended to the id.
        """
        return f"{self.prefix}{quote(inference_id, safe='')}{ending}"

    def url(self, key: str) -> str:
        """Return `s3://bucket/key`."""
        return f"s3://{self.bucket}/{key}"


@dataclass(frozen=True, slots=True)
class AsyncLocations:
    """What `AsyncInvocations` deployed.

    Attributes:
        queue_url: Queue of requests.
        dead_letter_queue_url: Queue of messages that could not be handled.
        inputs: Location of requests' bodies.
        outputs: Location of answers.
        failures: Location of failures.
        outcomes: Location of the objects that record how each request ended.
    """

    queue_url: str
    dead_letter_queue_url: str
    inputs: Location
    outputs: Location
    failures: Location
    outcomes: Location

    @classmethod
    def of_stack(cls, stack: str, cloudformation: CloudFormationClient) -> AsyncLocations:
        """Read the outputs of a serving stack.

        Args:
            stack: Name of the stack.
            cloudformation: A boto3 CloudFormation client.

        Raises:
            MmeError: The stack does not exist, or has no queue.
        """
        from botocore.exceptions import ClientError

        try:
            (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise MmeError(
                f"the stack {stack} does not exist in {cloudformation.meta.region_name}",
                hint="check its name, the region and the credentials",
            ) from None
        outputs = {one.get("OutputKey", ""): one.get("OutputValue", "") for one in found.get("Outputs", [])}
        return cls.from_outputs(outputs, stack)

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str], stack: str) -> AsyncLocations:
        """Take the locations from the outputs of a serving stack.

        Args:
            outputs: Output key to value.
            stack: Name of the stack, for messages.

        Raises:
            MmeError: The stack has no queue.
        """
        missing = [name for name in _ALL if name not in outputs]
        if missing:
            raise MmeError(
                f"the stack {stack} has no queue for asynchronous requests: no output {', '.join(missing)}",
                hint="set asynchronous=True in its environment (stacks/environments.py) and deploy; "
                "in your own stack, add AsyncInvocations.outputs",
            )
        return cls(
            outputs[QUEUE_OUTPUT],
            outputs[DEAD_LETTERS_OUTPUT],
            *(
                Location.parse(outputs[name])
                for name in (INPUTS_OUTPUT, OUTPUTS_OUTPUT, FAILURES_OUTPUT, OUTCOMES_OUTPUT)
            ),
        )

"""Send requests to the queue and read their answers."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mme.aws.s3_errors import is_write_conflict
from mme.client.asynchronous.locations import AsyncLocations, Location
from mme.client.asynchronous.members import check_members
from mme.client.asynchronous.results import (
    AsyncFailedError,
    AsyncPendingError,
    AsyncResult,
    AsyncStatus,
    State,
    Submission,
)
from mme.errors import MmeError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_STATES: Final = {"Completed": State.COMPLETED, "Failed": State.FAILED, "DeadLettered": State.DEAD_LETTER}
_OWNER: Final = "mme-members"
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_OWN_URLS: Final = frozenset({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0


class AsyncQueue:
    """The queue of one multi-model endpoint. Threads may share it.

    **The limits are those of real-time inference**: a body of at most 25 MB, an answer within 60 s.

    Args:
        locations: The deployment's queues and buckets.
        s3: A boto3 S3 client.
        sqs: A boto3 SQS client.
        clock: A monotonic clock, in seconds.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        locations: AsyncLocations,
        s3: S3Client,
        sqs: SQSClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.locations = locations
        self._s3 = s3
        self._sqs = sqs
        self._clock = clock
        self._sleep = sleep

    @classmethod
    def of_stack(cls, stack: str, session: boto3.Session | None = None) -> AsyncQueue:
        """Find the queue by the outputs of a serving stack.

        Args:
            stack: Name of the stack, such as `mme-prod-serving`.
            session: A boto3 session. Default: a new one.

        Raises:
            MmeError: The stack does not exist, or has no queue.
        """
        import boto3
        from botocore.config import Config

        found = session or boto3.Session()
        locations = AsyncLocations.of_stack(stack, found.client("cloudformation"))
        # `bucket.localhost`, which a local endpoint would have, does not resolve.
        config = Config(s3={"addressing_style": "path"}) if _OWN_URLS & os.environ.keys() else None
        return cls(locations, found.client("s3", config=config), found.client("sqs"))

    def submit(
        self,
        target_model: str,
        body: bytes | bytearray,
        *,
        content_type: str = "application/octet-stream",
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        ttl_seconds: int | None = None,
        timeout_seconds: int | None = None,
    ) -> Submission:
        """Put a body into S3 and send the request.

        Idempotent for one inference id: retry after any failure.

        Args:
            target_model: Target model, relative to the endpoint's prefix.
            body: At most 25 MB.
            content_type: Type of the body.
            accept: Type of the answer to ask for.
            custom_attributes: Header for the container.
            inference_id: Identity of the request, 1 to 64 printable ASCII characters. Default: a new one.
            ttl_seconds: Longest time in the queue, 60 to 21600 s. Default: 21600 s, six hours.
            timeout_seconds: Longest time for the model, 1 to 60 s. Default: 60 s, SageMaker's limit.

        Returns:
            The submission, with its inference id.

        Raises:
            MmeError: The request can't be sent, or another request has this inference id.
        """
        return self._submit(
            {
                "TargetModel": target_model,
                "Body": body,
                "ContentType": content_type,
                "Accept": accept,
                "CustomAttributes": custom_attributes,
                "InferenceId": inference_id,
                "RequestTTLSeconds": ttl_seconds,
                "InvocationTimeoutSeconds": timeout_seconds,
            }
        )

    def invoke_endpoint_async(self, **members: Any) -> dict[str, str]:
        """Send a request with the members of boto3's `invoke_endpoint_async`, and `TargetModel`.

        Args:
            members: `TargetModel`; `InputLocation` (under the deployment's input location) or `Body`;
                optionally `InferenceId`, `EndpointName`, `ContentType`, `Accept`, `CustomAttributes`,
                `RequestTTLSeconds`, `InvocationTimeoutSeconds` (at most 60).

        Returns:
            `InferenceId`, `OutputLocation`, `FailureLocation`.

        Raises:
            MmeError: A member is missing, invalid or not supported, or another request has this inference
                id.
        """
        sent = self._submit(members)
        return {
            "InferenceId": sent.inference_id,
            "OutputLocation": sent.output_location,
            "FailureLocation": sent.failure_location,
        }

    def status(self, inference_id: str) -> AsyncStatus:
        """Return the state of a request; `UNKNOWN` if there is no trace of it."""
        found = self._head(self.locations.outcomes, inference_id)
        submitted = self._head(self.locations.inputs, inference_id)
        owner = submitted["Metadata"].get(_OWNER) if submitted else None
        # The outcome of another request with this id is not this one's: the consumer replaces it.
        if found is None or (owner and found["Metadata"]["mme-request"] != owner):
            return AsyncStatus(inference_id, State.WAITING if submitted else State.UNKNOWN)
        metadata = found["Metadata"]
        state = _STATES[metadata["mme-status"]]
        return AsyncStatus(
            inference_id,
            state,
            reason=str(json.loads(metadata["mme-reason"])),
            location=self._location(inference_id, state),
            settled=found["LastModified"],
        )

    def result(self, inference_id: str, *, wait_seconds: float = 0) -> AsyncResult:
        """Return the model's answer.

        Args:
            inference_id: Identity of the request.
            wait_seconds: Seconds to wait for the answer.

        Raises:
            AsyncFailedError: The request failed, or is in the dead-letter queue.
            AsyncPendingError: There is no outcome yet.
        """
        deadline = self._clock() + wait_seconds
        pause = _FIRST_PAUSE_SECONDS
        # A dead letter may be sent again, but not at a known time: report it at once.
        while (status := self.status(inference_id)).state in (State.WAITING, State.UNKNOWN):
            left = deadline - self._clock()
            if left <= 0:
                raise _pending(status)
            self._sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        place = self.locations.outcomes
        found = self._s3.get_object(Bucket=place.bucket, Key=place.key(inference_id))
        body = found["Body"].read()
        if status.state is State.COMPLETED:
            attributes = str(json.loads(found["Metadata"]["mme-attributes"]))
            return AsyncResult(inference_id, body, found["ContentType"], attributes, status.location)
        raise AsyncFailedError(
            f"the request {inference_id} ended as a {status.state.noun}: {status.reason}",
            status=status,
            original=body.decode("utf-8", "replace"),
            hint=f"fix the cause, then mme async redrive --id {inference_id}"
            if status.state is State.DEAD_LETTER
            else None,
        )

    def depths(self) -> dict[str, int]:
        """Return how many requests are `waiting`, `running` and `dead`, as SQS approximates them."""
        names = {
            "waiting": (self.locations.queue_url, "ApproximateNumberOfMessages"),
            "running": (self.locations.queue_url, "ApproximateNumberOfMessagesNotVisible"),
            "dead": (self.locations.dead_letter_queue_url, "ApproximateNumberOfMessages"),
        }
        counted: dict[str, int] = {}
        for name, (url, attribute) in names.items():
            asked: Any = [attribute]
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)
            found: Mapping[Any, str] = answer["Attributes"]
            counted[name] = int(found[attribute])
        return counted

    def _submit(self, members: Mapping[str, Any]) -> Submission:
        inputs = self.locations.inputs
        id = check_members(members, inputs)
        body = members.get("Body")
        fields = {name: value for name, value in members.items() if name != "Body" and value is not None}
        fields["InferenceId"] = id
        if body is not None:
            fields["InputLocation"] = inputs.url(inputs.key(id))
            self._put(fields, bytes(body))
        self._sqs.send_message(
            QueueUrl=self.locations.queue_url, MessageBody=json.dumps(fields, sort_keys=True)
        )
        return Submission(
            id,
            fields["InputLocation"],
            self._location(id, State.COMPLETED),
            self._location(id, State.FAILED),
        )

    def _location(self, id: str, state: State) -> str:
        if state is State.COMPLETED:
            return self.locations.outputs.url(self.locations.outputs.key(id, ".out"))
        if state is State.FAILED:
            return self.locations.failures.url(self.locations.failures.key(id, "-error.out"))
        return ""

    def _put(self, fields: Mapping[str, Any], body: bytes) -> None:
        from botocore.exceptions import ClientError

        place, id = self.locations.inputs, fields["InferenceId"]
        digest = _digest(fields, body)
        try:
            self._s3.put_object(
                Bucket=place.bucket,
                Key=place.key(id),
                Body=body,
                ContentType=str(fields.get("ContentType") or ""),
                Metadata={"mme-request": digest, _OWNER: _digest(fields)},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not is_write_conflict(error):
                raise
            found = self._head(place, id)
            if found is None or found["Metadata"].get("mme-request") != digest:
                raise MmeError(
                    f"inference id {id} belongs to another request",
                    hint="omit it to get a new one, or choose an unused one",
                ) from None

    def _head(self, place: Location, id: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._s3.head_object(Bucket=place.bucket, Key=place.key(id))
        except ClientError as error:
            # A caller who may read results need not be allowed to read requests.
            denied = error.response["Error"]["Code"] == "403" and place == self.locations.inputs
            if denied or error.response["Error"]["Code"] in _MISSING:
                return None
            raise


def _digest(fields: Mapping[str, Any], body: bytes = b"") -> str:
    """Return a digest of a request; without the body, the one that the consumer stores with the outcome."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode() + body).hexdigest()


def _pending(status: AsyncStatus) -> AsyncPendingError:
    id = status.inference_id
    if status.state is State.WAITING:
        return AsyncPendingError(
            f"the request {id} has no outcome yet", hint=f"wait for it: mme async result {id} --wait 600"
        )
    return AsyncPendingError(
        f"the request {id} is unknown: it was never sent, has no outcome yet, or its objects expired",
        hint="check the id, or wait for it with --wait",
    )

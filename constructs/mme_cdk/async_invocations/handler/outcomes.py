"""How each request ended, decided once by the conditional write of one object.

The object is stored under the outcome prefix, with the inference id as its key. The first consumer to write
it decides. Outputs and failures are copies of it, so if a consumer dies in between, the next one can finish
its work and can't contradict it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from botocore.exceptions import ClientError

from .environment import ConsumerSettings, KeyPrefix
from .request import Request

COMPLETED: Final = "Completed"
FAILED: Final = "Failed"
DEAD: Final = "DeadLettered"

_REASON_MAX_BYTES: Final = 700  # S3 takes 2 KB of metadata in all
_LOST_RACE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, kw_only=True)
class RequestOutcome:
    """How one request ended.

    Attributes:
        status: `Completed`, `Failed` or `DeadLettered`.
        digest: Digest of the request.
        message_id: Id of the message that held it.
        content_type: Content type of the body.
        body: The model's answer, or the failure; None if it was not read.
        reason: Why it failed, in one line; empty if it did not.
        custom_attributes: Custom attributes of the container's answer.
        etag: ETag of the stored object; empty before it is stored.
    """

    status: str
    digest: str
    message_id: str
    content_type: str = "text/plain"
    body: bytes | None
    reason: str = ""
    custom_attributes: str = ""
    etag: str = ""

    def metadata(self) -> dict[str, str]:
        """Return the object's user metadata: ASCII, short enough for S3."""
        return {
            "mme-status": self.status,
            "mme-request": self.digest,
            "mme-message": self.message_id,
            "mme-reason": _to_ascii(self.reason),
            "mme-attributes": _to_ascii(self.custom_attributes),
        }


@dataclass(frozen=True)
class OutcomeStore:
    """The outcomes of one queue, and the copies of them that clients read.

    Attributes:
        s3: A boto3 client.
        environment: The function's environment.
    """

    s3: Any
    environment: ConsumerSettings

    def find(self, request: Request) -> RequestOutcome | None:
        """Return how a request ended, without the body; None if it has not ended."""
        place = self.environment.outcomes
        try:
            found = self.s3.head_object(Bucket=place.bucket, Key=f"{place.prefix}{request.slug}")
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        metadata = found["Metadata"]
        return RequestOutcome(
            status=metadata["mme-status"],
            digest=metadata["mme-request"],
            message_id=metadata["mme-message"],
            content_type=found.get("ContentType", ""),
            body=None,
            reason=_from_ascii(metadata["mme-reason"]),
            custom_attributes=_from_ascii(metadata["mme-attributes"]),
            etag=found["ETag"],
        )

    def owner(self, request: Request) -> str:
        """Return the digest of the request that its client put an input for; empty if there is none.

        The first client to write the input of an inference id owns the id.
        """
        place = self.environment.inputs
        try:
            found = self.s3.head_object(Bucket=place.bucket, Key=f"{place.prefix}{request.slug}")
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return ""
            raise
        return str(found["Metadata"].get("mme-members", ""))

    def settle(self, request: Request, outcome: RequestOutcome, previous: RequestOutcome | None) -> bool:
        """Store how a request ended; return False if another consumer was first.

        Args:
            request: The request.
            outcome: How it ended, with its body.
            previous: The dead letter's outcome that this one replaces, or None.
        """
        place = self.environment.outcomes
        condition = {"IfMatch": previous.etag} if previous else {"IfNoneMatch": "*"}
        return self._put(place, f"{place.prefix}{request.slug}", outcome, condition)

    def publish(
        self, request: Request, outcome: RequestOutcome, suffix: str = "", *, replace_other: bool = False
    ) -> str:
        """Write the answer or failure where SageMaker would, unless it exists; return its URL.

        Args:
            request: The request.
            outcome: How it ended; its body is read from the stored outcome if it has none.
            suffix: Added to the inference id in the name of a failure.
            replace_other: Write it even if one exists: this request owns the id.
        """
        if outcome.status == COMPLETED:
            place, name = self.environment.outputs, f"{request.slug}.out"
        else:
            place, name = self.environment.failures, f"{request.slug}{suffix}-error.out"
        if outcome.body is None:
            stored = self.environment.outcomes
            found = self.s3.get_object(Bucket=stored.bucket, Key=f"{stored.prefix}{request.slug}")
            outcome = replace(outcome, body=found["Body"].read())
        self._put(place, f"{place.prefix}{name}", outcome, {} if replace_other else {"IfNoneMatch": "*"})
        return place.url(f"{place.prefix}{name}")

    def _put(self, place: KeyPrefix, key: str, outcome: RequestOutcome, condition: dict[str, str]) -> bool:
        """Write an object and return whether its condition held."""
        try:
            self.s3.put_object(
                Bucket=place.bucket,
                Key=key,
                Body=outcome.body or b"",
                ContentType=outcome.content_type or "application/octet-stream",
                Metadata=outcome.metadata(),
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_RACE:
                return False
            raise
        return True


def _to_ascii(text: str) -> str:
    """Return a string as JSON, which is ASCII and one line; cut before encoding, so that it stays JSON."""
    limit = _REASON_MAX_BYTES
    while len(encoded := json.dumps(text[:limit])) > _REASON_MAX_BYTES:
        limit = min(limit, len(text)) * 3 // 4
    return encoded


def _from_ascii(encoded: str) -> str:
    return str(json.loads(encoded))

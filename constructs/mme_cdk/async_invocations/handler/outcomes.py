"""How each request ended: settled once, by the conditional write of one object.

The object lies under the outcomes' prefix, keyed by the inference id. Whoever writes it first decides;
outputs and failures are copies of it, so a consumer that dies in between leaves nothing that the next one
could not finish, and nothing that could contradict it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from .environment import Environment, Location
from .request import Request

COMPLETED: Final = "Completed"
FAILED: Final = "Failed"
DEAD: Final = "DeadLettered"

_REASON_MAX_BYTES: Final = 700  # S3 takes 2 KB of metadata in all
_LOST_RACE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True)
class Outcome:
    """How one request ended.

    Attributes:
        status: `Completed`, `Failed` or `DeadLettered`.
        digest: of the request that it is the outcome of.
        message_id: of the message that it came from.
        content_type: of the body.
        body: the model's answer, or why there is none; None where it was not read.
        reason: why it failed, in one line; empty where it did not.
        custom_attributes: what the container said beside its answer.
        etag: of the object, empty where it is not written yet.
    """

    status: str
    digest: str
    message_id: str
    content_type: str
    body: bytes | None
    reason: str = ""
    custom_attributes: str = ""
    etag: str = ""

    def metadata(self) -> dict[str, str]:
        """The object's user metadata: ASCII, short enough for S3."""
        return {
            "mme-status": self.status,
            "mme-request": self.digest,
            "mme-message": self.message_id,
            "mme-reason": _ascii(self.reason),
            "mme-attributes": _ascii(self.custom_attributes),
        }


class LostRaceError(Exception):
    """Another consumer settled it first."""


class OutcomeStore:
    """The outcomes of one queue, and the objects for clients that are made of them."""

    def __init__(self, s3: Any, environment: Environment) -> None:
        self._s3 = s3
        self._environment = environment

    def find(self, request: Request) -> Outcome | None:
        """How it ended, without its body; None where it has not."""
        place = self._environment.outcomes
        try:
            found = self._s3.head_object(Bucket=place.bucket, Key=f"{place.prefix}{request.slug}")
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        told = found["Metadata"]
        return Outcome(
            status=told["mme-status"],
            digest=told["mme-request"],
            message_id=told["mme-message"],
            content_type=found.get("ContentType", ""),
            body=None,
            reason=_text(told["mme-reason"]),
            custom_attributes=_text(told["mme-attributes"]),
            etag=found["ETag"],
        )

    def settle(self, request: Request, outcome: Outcome, instead_of: Outcome | None) -> None:
        """Write how it ended, if nobody else has.

        Args:
            request: whose outcome it is.
            outcome: with its body.
            instead_of: the dead letter's that it takes the place of, or None.

        Raises:
            LostRaceError: another outcome stands.
        """
        place = self._environment.outcomes
        condition = {"IfMatch": instead_of.etag} if instead_of else {"IfNoneMatch": "*"}
        if not self._put(place, f"{place.prefix}{request.slug}", outcome, condition):
            raise LostRaceError

    def publish(self, request: Request, outcome: Outcome) -> str:
        """Put the object that clients look for, unless it is there; returns its url."""
        place, key = self.object_of(request, outcome.status)
        if outcome.body is None:
            outcome = self._with_body(request, outcome)
        self._put(place, key, outcome, {"IfNoneMatch": "*"})
        return place.url(key)

    def object_of(self, request: Request, status: str) -> tuple[Location, str]:
        """Where clients look for the answer, or for the failure: SageMaker's own names."""
        if status == COMPLETED:
            place = self._environment.outputs
            return place, f"{place.prefix}{request.slug}.out"
        place = self._environment.failures
        return place, f"{place.prefix}{request.slug}-error.out"

    def publish_duplicate(self, request: Request, reason: str) -> str:
        """Put the failure of another request under a used inference id, beside the first one's outcome."""
        place = self._environment.failures
        key = f"{place.prefix}{request.slug}-duplicate-{request.digest[:16]}-error.out"
        failure = Outcome(FAILED, request.digest, "", "text/plain", reason.encode(), reason)
        self._put(place, key, failure, {"IfNoneMatch": "*"})
        return place.url(key)

    def _with_body(self, request: Request, outcome: Outcome) -> Outcome:
        place = self._environment.outcomes
        found = self._s3.get_object(Bucket=place.bucket, Key=f"{place.prefix}{request.slug}")
        return Outcome(
            outcome.status,
            outcome.digest,
            outcome.message_id,
            outcome.content_type,
            found["Body"].read(),
            outcome.reason,
            outcome.custom_attributes,
            outcome.etag,
        )

    def _put(self, place: Location, key: str, outcome: Outcome, condition: dict[str, str]) -> bool:
        """Whether the condition held."""
        try:
            self._s3.put_object(
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


def _ascii(text: str) -> str:
    """JSON keeps to ASCII and to one line; cut so that it stays JSON."""
    limit = _REASON_MAX_BYTES
    while len(told := json.dumps(text[:limit])) > _REASON_MAX_BYTES:
        limit = min(limit, len(text)) * 3 // 4
    return told


def _text(told: str) -> str:
    return str(json.loads(told))

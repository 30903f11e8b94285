"""S3's refusals in clear words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mme.errors import MmeError

_CONFLICTS: Final = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "409", "412")


@contextmanager
def explain_s3_errors(bucket: str, url: str, *, denied_hint: str) -> Iterator[None]:
    """Raise S3's refusals as errors about this bucket. Other errors pass unchanged.

    Args:
        bucket: The bucket's name.
        url: What was accessed: `s3://bucket/prefix/`.
        denied_hint: Which rights are needed.

    Raises:
        MmeError: The bucket does not exist, or access to it is denied.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            raise missing_bucket(bucket) from error
        if code in ("403", "AccessDenied"):
            raise MmeError(f"access to {url} is denied ({error.operation_name})", hint=denied_hint) from error
        raise


def missing_bucket(bucket: str) -> MmeError:
    """Return the error that a bucket does not exist."""
    return MmeError(
        f"the bucket {bucket} does not exist",
        hint="deploy the model store, or check --env, --stack and --region",
    )


def is_write_conflict(error: Exception) -> bool:
    """Return whether S3 refused a conditional write because the object is not what the writer expected.

    412: The condition failed. 409: Another conditional write of this key is in progress. NoSuchKey: The
    object that `If-Match` names is gone.
    """
    response = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status in (409, 412) or response.get("Error", {}).get("Code") in _CONFLICTS

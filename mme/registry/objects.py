"""What publishing needs of S3, and boto3's way of doing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT_TYPE: Final = "application/gzip"

_TAKEN: Final = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class NameTakenError(Exception):
    """Somebody else's object has this key: S3 refused to overwrite it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes:
        key: its key.
        size: in bytes.
        last_modified: when it was written.
        etag: S3's name of this content, with its quotes.
        metadata: the user's own; empty in a listing, which does not tell it.
    """

    key: str
    size: int
    last_modified: datetime
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)


OnRetry = Callable[[str], None]
"""Called before a request is tried again, with the reason. What it raises ends the trying."""


class Objects(Protocol):
    """The objects of one bucket. What goes wrong is raised as botocore's errors."""

    def put_new(self, key: str, body: bytes, metadata: Mapping[str, str]) -> str:
        """Writes a small object in one request and returns its ETag.

        Raises:
            NameTakenError: there is an object of that key.
        """

    def head(self, key: str) -> StoredObject | None:
        """One object with its metadata, or None."""

    def listed(self, start: str, *, max_pages: int | None = None) -> list[StoredObject] | None:
        """All objects whose keys begin so, by key; None where they fill more than `max_pages` of 1000."""

    def retries_told(self, on_retry: OnRetry) -> AbstractContextManager[None]:
        """Tells of requests that are tried again, while it is entered."""


class BotoObjects:
    """By a boto3 client, which tries again by itself.

    Args:
        s3: the client.
        bucket: the bucket's name.
    """

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put_new(self, key: str, body: bytes, metadata: Mapping[str, str]) -> str:
        """As `Objects` says."""
        from botocore.exceptions import ClientError

        try:
            return self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                Metadata=metadata,
                ContentType=CONTENT_TYPE,
                IfNoneMatch="*",
            )["ETag"]
        except ClientError as error:
            raise taken_or(error) from error

    def head(self, key: str) -> StoredObject | None:
        """As `Objects` says."""
        from botocore.exceptions import ClientError

        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # HeadObject has no body, so boto3 knows the status only.
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
        metadata = {name.lower(): value for name, value in head["Metadata"].items()}
        return StoredObject(key, head["ContentLength"], head["LastModified"], head["ETag"], metadata)

    def listed(self, start: str, *, max_pages: int | None = None) -> list[StoredObject] | None:
        """As `Objects` says."""
        found: list[StoredObject] = []
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
        for count, page in enumerate(pages, 1):
            found += [
                StoredObject(item["Key"], item["Size"], item["LastModified"], item["ETag"])
                for item in page.get("Contents", [])
            ]
            if count == max_pages and page["IsTruncated"]:
                return None
        return found

    @contextmanager
    def retries_told(self, on_retry: OnRetry) -> Iterator[None]:
        """As `Objects` says."""

        def told(response: Any = None, caught_exception: BaseException | None = None, **_: object) -> None:
            reason = _retry_reason(response, caught_exception)
            if reason:
                on_retry(reason)

        name = f"mme-retries-{id(told)}"
        events: Any = self._s3.meta.events
        events.register("needs-retry.s3", told, unique_id=name)
        try:
            yield
        finally:
            events.unregister("needs-retry.s3", unique_id=name)


def taken_or(error: Exception) -> Exception:
    """412: the key is taken. 409: another conditional write of the key was under way: look again, too."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    return NameTakenError() if code in _TAKEN else error


def _retry_reason(response: Any, error: BaseException | None) -> str | None:
    """Why botocore is about to try again, if that is the server's or the network's doing."""
    if error is not None:
        return re.sub(r"(?<!^)([A-Z])", r" \1", type(error).__name__.removesuffix("Error")).lower()
    if response is None:
        return None
    http, parsed = response
    if http.status_code < 500 and http.status_code != 429:
        return None
    return str(parsed.get("Error", {}).get("Code") or http.status_code)

"""S3 objects of the embedded AWS, read without HTTP, for the data plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any

from mme_local.aws.account import DEFAULT_ACCOUNT

_CHUNK_BYTES = 1024 * 1024
_METADATA_PREFIX = "x-amz-meta-"


class ObjectMissing(KeyError):  # noqa: N818 - a KeyError, so named like a fact
    """No such bucket or object.

    Attributes:
        bucket: The requested bucket.
        key: The requested key.
    """

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"s3://{bucket}/{key}")
        self.bucket = bucket
        self.key = key

    def __str__(self) -> str:
        return f"no object s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class ObjectHead:
    """The answer of HeadObject.

    Attributes:
        size: Bytes of the body.
        etag: Without quotes.
        metadata: User metadata, names without `x-amz-meta-`, in lower case.
        version_id: None if the bucket has no versioning.
    """

    bucket: str
    key: str
    size: int
    etag: str
    metadata: Mapping[str, str]
    version_id: str | None


@dataclass(frozen=True)
class OpenObject:
    """An object that is being read: its head, and its body in chunks of at most 1 MiB."""

    head: ObjectHead
    body: Iterator[bytes]


def head_object(bucket: str, key: str, *, account: str = DEFAULT_ACCOUNT) -> ObjectHead:
    """Return the current version's head.

    Args:
        bucket: The bucket.
        key: The object's key.
        account: Twelve digits.

    Raises:
        ObjectMissing: No such bucket or object, or its current version is a delete marker.
    """
    return _head(bucket, find_record(bucket, key, account))


@contextmanager
def open_object(bucket: str, key: str, *, account: str = DEFAULT_ACCOUNT) -> Iterator[OpenObject]:
    """Open the current version.

    Args:
        bucket: The bucket.
        key: The object's key.
        account: Twelve digits.

    Raises:
        ObjectMissing: As `head_object`; or the object is overwritten or deleted while the body is read, in a
            bucket without versioning.
    """
    record = find_record(bucket, key, account)
    yield OpenObject(_head(bucket, record), _chunks(bucket, record))


def find_record(bucket: str, key: str, account: str) -> Any:
    """Return moto's record of the current version.

    Args:
        bucket: The bucket.
        key: The object's key.
        account: Twelve digits.

    Raises:
        ObjectMissing: As `head_object`.
    """
    from moto.s3.exceptions import MissingBucket
    from moto.s3.models import s3_backends

    try:
        record = s3_backends[account]["aws"].get_object(bucket, key)
    except MissingBucket:
        record = None
    if record is None:
        raise ObjectMissing(bucket, key)
    return record


def _head(bucket: str, record: Any) -> ObjectHead:
    metadata = {
        str(name).lower().removeprefix(_METADATA_PREFIX): str(value)
        for name, value in record.metadata.items()
        if str(name).lower().startswith(_METADATA_PREFIX)
    }
    return ObjectHead(
        bucket=bucket,
        key=str(record.name),
        size=int(record.contentsize),
        etag=str(record.etag).strip('"'),
        metadata=metadata,
        version_id=str(record.version_id) if record.version_id != "null" else None,
    )


def _chunks(bucket: str, record: Any) -> Iterator[bytes]:
    """Read the body in chunks; moto's buffer has one position, so each read seeks under its lock."""
    buffer: SpooledTemporaryFile[bytes] = record._value_buffer
    position = 0
    while True:
        with record.lock:
            if buffer.closed:
                raise ObjectMissing(bucket, str(record.name))
            buffer.seek(position)
            chunk = buffer.read(_CHUNK_BYTES)
        if not chunk:
            return
        position += len(chunk)
        yield chunk

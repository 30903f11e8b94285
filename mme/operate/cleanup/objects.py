"""Count and delete the objects of a bucket, with all their versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BATCH: Final = 1000
"""Most keys of one DeleteObjects (S3 API reference)."""
_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """The content of a prefix.

    Attributes:
        entries: Number of versions and delete markers, current ones included.
        size: Bytes of all versions.
    """

    current: int
    entries: int
    size: int


def count_objects(s3: S3Client, bucket: str, prefix: str) -> ObjectCount:
    """Count the objects of a prefix; a bucket that does not exist has none.

    Args:
        s3: A boto3 client.
        bucket: Name of the bucket.
        prefix: Key prefix.
    """
    current = entries = size = 0
    for entry in _entries(s3, bucket, prefix):
        entries += 1
        size += entry.get("Size", 0)
        current += bool(entry["IsLatest"] and "Size" in entry)
    return ObjectCount(current, entries, size)


def other_keys(s3: S3Client, bucket: str, prefixes: tuple[str, ...], most: int = 5) -> list[str]:
    """Return the first few keys outside of prefixes.

    Args:
        s3: A boto3 client.
        bucket: Name of the bucket.
        prefixes: Key prefixes.
        most: Largest number of keys to return.
    """
    keys = (one["Key"] for one in _entries(s3, bucket, "") if not str(one["Key"]).startswith(prefixes))
    return list(islice(dict.fromkeys(keys), most))


def delete_objects(s3: S3Client, bucket: str, prefix: str, on_deleted: Callable[[int], object]) -> int:
    """Delete every version and delete marker of a prefix and abort its incomplete uploads. Idempotent.

    Args:
        s3: A boto3 client.
        bucket: Name of the bucket.
        prefix: Key prefix; empty for the whole bucket.
        on_deleted: Called with the number of deleted entries of each batch.

    Returns:
        Number of deleted entries.

    Raises:
        MmeError: S3 refuses to delete some of them: a lock, a legal hold, missing rights.
    """
    deleted = 0
    refused: list[Any] = []
    batches = _batches(_entries(s3, bucket, prefix))
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        while some := list(islice(batches, _THREADS)):
            for count, errors in pool.map(lambda batch: _delete(s3, bucket, batch), some):
                deleted += count
                refused += errors
                on_deleted(count)
    for upload in _incomplete_uploads(s3, bucket, prefix):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    if refused:
        first = refused[0]
        raise MmeError(
            f"S3 refuses to delete {len(refused)} versions under s3://{bucket}/{prefix}, the first of them "
            f"{first.get('Key')}: {first.get('Message') or first.get('Code')}",
            hint="wait until a retention lock ends, or use other credentials; all other versions are deleted",
        )
    return deleted


def _delete(s3: S3Client, bucket: str, batch: list[Any]) -> tuple[int, list[Any]]:
    keys: Any = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in batch]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    errors = list(answer.get("Errors", []))
    return len(batch) - len(errors), errors


def _batches(entries: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(entries, _BATCH)):
        yield batch


def _entries(s3: S3Client, bucket: str, prefix: str) -> Iterator[Any]:
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Versions", [])
            yield from page.get("DeleteMarkers", [])
    except s3.exceptions.NoSuchBucket:
        return


def _incomplete_uploads(s3: S3Client, bucket: str, prefix: str) -> list[Any]:
    try:
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        return [upload for page in pages for upload in page.get("Uploads", [])]
    except s3.exceptions.NoSuchBucket:
        return []

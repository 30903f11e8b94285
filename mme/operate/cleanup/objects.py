"""Objects of a bucket, all their versions included: counted, and deleted in batches."""

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
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """What lies under a prefix.

    Attributes:
        current: objects that a plain listing shows.
        entries: all versions and delete markers, the current ones included.
        size: bytes of all versions.
    """

    current: int
    entries: int
    size: int


def count_objects(s3: S3Client, bucket: str, prefix: str) -> ObjectCount:
    """Counts by pages of a thousand; nothing is kept. A bucket that is gone holds nothing."""
    current = entries = size = 0
    for entry in _entries(s3, bucket, prefix):
        entries += 1
        size += entry.get("Size", 0)
        current += bool(entry["IsLatest"] and "Size" in entry)
    return ObjectCount(current, entries, size)


def other_prefixes(s3: S3Client, bucket: str, ours: tuple[str, ...], most: int = 5) -> list[str]:
    """The first few keys that lie under none of our prefixes; none where the bucket holds nothing else."""
    strange = (entry["Key"] for entry in _entries(s3, bucket, "") if not str(entry["Key"]).startswith(ours))
    return list(islice(dict.fromkeys(strange), most))


def delete_objects(s3: S3Client, bucket: str, prefix: str, on_deleted: Callable[[int], object]) -> int:
    """Deletes every version and delete marker under a prefix, and ends its unfinished uploads.

    Interrupted, it can simply be called again: it lists what is left.

    Args:
        s3: a boto3 S3 client.
        bucket: the bucket.
        prefix: of the keys; empty for all of them.
        on_deleted: called with the number of entries deleted by each batch.

    Returns:
        how many entries were deleted.

    Raises:
        MmeError: S3 refuses to delete some of them: a lock, a legal hold, missing rights.
    """
    deleted = 0
    refused: list[Any] = []
    source = _entries(s3, bucket, prefix)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        while batches := list(islice(_batches(source), _AT_ONCE)):
            for count, errors in pool.map(lambda batch: _delete(s3, bucket, batch), batches):
                deleted += count
                refused += errors
                on_deleted(count)
    for upload in _unfinished(s3, bucket, prefix):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    if refused:
        first = refused[0]
        raise MmeError(
            f"S3 refuses to delete {len(refused)} versions under s3://{bucket}/{prefix}, the first of them "
            f"{first.get('Key')}: {first.get('Message') or first.get('Code')}",
            hint="a retention lock has to end first, or other rights are needed; what could go is gone",
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


def _unfinished(s3: S3Client, bucket: str, prefix: str) -> list[Any]:
    try:
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        return [upload for page in pages for upload in page.get("Uploads", [])]
    except s3.exceptions.NoSuchBucket:
        return []

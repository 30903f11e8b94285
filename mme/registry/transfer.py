"""Copying a model from one environment's store to another's, inside S3."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mme.errors import MmeError
from mme.registry.archive_contents import open_archive, read_contents
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import object_key
from mme.registry.objects import CONTENT_TYPE, NameTakenError, taken_or
from mme.registry.removed_versions import RemovedVersions
from mme.registry.targets import find_target

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES: Final = 1024**3
"""Copied by one request. S3 takes 5 GiB at most (S3 API reference, UploadPartCopy); several go at once."""

_PARTS_IN_FLIGHT: Final = 4
_AMAZON = re.compile(r"\.amazonaws\.com(\.cn)?$")


@dataclass(frozen=True, slots=True)
class Transferred:
    """What came of a copy.

    Attributes:
        record: the archive at its destination.
        created: False where the same content was there already under this name.
        digest: SHA-256 of the uncompressed tar at the destination, as far as it was read there; else as its
            metadata says.
        content_read: whether the content was read at the destination.
    """

    record: ModelRecord
    created: bool
    digest: str
    content_read: bool


def transfer(
    source: ModelStore,
    destination: ModelStore,
    target_model: str,
    *,
    read_content: bool = True,
    part_bytes: int = PART_BYTES,
    on_bytes: Callable[[int], None] | None = None,
) -> Transferred:
    """Copies an archive under the same name. It never passes through this machine, unless to be checked.

    The destination's credentials do the copying, so they must be able to read the source.

    Args:
        source: where it is.
        destination: where it shall be.
        target_model: the archive.
        read_content: whether to read the copy and compare its digest; else S3's sizes and metadata must do.
        part_bytes: copied by one request, 5 MiB to 5 GiB.
        on_bytes: hears of the bytes read for the check.

    Raises:
        MmeError: there is no such archive, the name was used at the destination for something else, S3
            refuses, or the copy is not what it should be. Then nothing is left of it.
    """
    _check_reachable(source, destination)
    record = find_target(source, target_model)
    if record.size == 0:
        raise MmeError(f"{source.url}{target_model} is empty", hint="check the store: mme models verify")
    existing = destination.describe(target_model)
    created = existing is None
    if existing is None:
        _check_never_used(destination, record)
        try:
            _copy(source, destination, record, part_bytes)
        except NameTakenError:
            created = False
    try:
        return _checked(destination, record, created=created, read_content=read_content, on_bytes=on_bytes)
    except BaseException:
        if created:
            with contextlib.suppress(Exception):
                destination.s3.delete_object(
                    Bucket=destination.bucket, Key=object_key(destination.prefix, target_model)
                )
        raise


def _check_reachable(source: ModelStore, destination: ModelStore) -> None:
    if source.url == destination.url and source.s3.meta.endpoint_url == destination.s3.meta.endpoint_url:
        raise MmeError(
            f"{source.url} is both source and destination",
            hint="name the destination's environment with --env after promote-to",
        )
    urls = [store.s3.meta.endpoint_url for store in (source, destination)]
    if urls[0] != urls[1] and not all(_AMAZON.search(urlsplit(url).hostname or "") for url in urls):
        raise MmeError(
            f"S3 can't copy from {urls[0]} to {urls[1]}: they know nothing of each other",
            hint="publish the model's directory there: mme --env ENV models add PATH",
        )


def _check_never_used(destination: ModelStore, record: ModelRecord) -> None:
    if record.version in RemovedVersions(destination).of(record.name):
        raise MmeError(
            f"{record.target_model} was removed from {destination.url}, and instances there may still hold "
            "what it was",
            hint="publish the content as a new version, and promote that",
        )


def _copy(source: ModelStore, destination: ModelStore, record: ModelRecord, part_bytes: int) -> None:
    """In parts, also a small one: that way the last step can refuse to overwrite, on every S3 there is."""
    from botocore.exceptions import ClientError

    s3, bucket = destination.s3, destination.bucket
    key = object_key(destination.prefix, record.target_model)
    source_key = object_key(source.prefix, record.target_model)
    with destination.explained():
        head = source.objects.head(source_key)
        upload = s3.create_multipart_upload(
            Bucket=bucket,
            Key=key,
            ContentType=CONTENT_TYPE,
            Metadata=_own(head.metadata) if head else {},
        )["UploadId"]

        def part(number: int) -> CompletedPartTypeDef:
            first = (number - 1) * part_bytes
            last = min(first + part_bytes, record.size) - 1
            answer = s3.upload_part_copy(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                CopySource={"Bucket": source.bucket, "Key": source_key},
                CopySourceIfMatch=record.etag,
                CopySourceRange=f"bytes={first}-{last}",
            )["CopyPartResult"]
            completed: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
            if "ChecksumCRC32" in answer:
                completed["ChecksumCRC32"] = answer["ChecksumCRC32"]
            return completed

        pool = ThreadPoolExecutor(_PARTS_IN_FLIGHT)
        try:
            parts = list(pool.map(part, range(1, -(-record.size // part_bytes) + 1)))
            s3.complete_multipart_upload(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except BaseException as error:
            pool.shutdown(wait=True, cancel_futures=True)
            with contextlib.suppress(Exception):
                s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
            if isinstance(error, ClientError):
                raise _explained(taken_or(error), source, destination) from error
            raise
        finally:
            pool.shutdown(wait=True)


def _own(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name.startswith("mme-")}


def _explained(error: Exception, source: ModelStore, destination: ModelStore) -> Exception:
    if getattr(error, "operation_name", "") == "UploadPartCopy" and "AccessDenied" in str(error):
        return MmeError(
            f"the credentials for {destination.url} may not read {source.url}",
            hint="let them: grant_read_models of the source's endpoint, for that role or account",
        )
    return error


def _checked(
    destination: ModelStore,
    record: ModelRecord,
    *,
    created: bool,
    read_content: bool,
    on_bytes: Callable[[int], None] | None,
) -> Transferred:
    copied = find_target(destination, record.target_model)
    digest = copied.digest or ""
    if read_content or not record.digest:
        with open_archive(destination, record.target_model) as stream:
            digest = read_contents(stream, f"{destination.url}{record.target_model}", on_bytes).digest
    if record.digest and digest != record.digest:
        if created:
            raise MmeError(
                f"the copy of {record.target_model} has the digest {digest[:12]}, the original "
                f"{record.digest[:12]}: it was deleted",
                hint="check the original: mme models verify",
            )
        raise MmeError(
            f"{destination.url} has another {record.target_model} with the digest {digest[:12]}, not "
            f"{record.digest[:12]}",
            hint="publish the content there as a new version, and promote that",
        )
    if created:
        # Once more: it may have been published and removed there while this was copied.
        _check_never_used(destination, record)
    return Transferred(copied, created, digest, read_content)

"""Copy a model from one environment's store to another's, inside S3."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mme.errors import MmeError
from mme.registry.archive_contents import open_archive, read_contents
from mme.registry.model_store import ModelRecord, ModelStore, NameTakenError
from mme.registry.names import object_key
from mme.registry.targets import find_target
from mme.registry.upload import NewArchive
from mme.registry.versions import RemovedVersions

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

PART_BYTES: Final = 1024**3
"""Copied by one request. S3 takes 5 GiB at most (S3 API reference, UploadPartCopy); four go at once."""

_AMAZON = re.compile(r"\.amazonaws\.com(\.cn)?$")


@dataclass(frozen=True, slots=True)
class Transferred:
    """The result of a copy.

    Attributes:
        record: The archive at its destination.
        created: False if the same content existed there under this name.
        digest: SHA-256 of the uncompressed tar at the destination: computed if read, else its metadata.
        content_read: Whether the content was read at the destination.
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
    """Copy an archive under the same name. This machine downloads it only to check it.

    The destination's credentials copy, so they must be able to read the source.

    Args:
        source: Where it is.
        destination: Where to copy it.
        target_model: The archive.
        read_content: Read the copy and compare its digest; otherwise trust S3's metadata.
        part_bytes: Copied by one request, 5 MiB to 5 GiB.
        on_bytes: Called with the number of bytes of each block read for the check.

    Raises:
        MmeError: There is no such archive, its name is or was in use at the destination, S3 refuses, or the
            copy differs. Then no copy remains.
    """
    _check_reachable(source, destination)
    record = find_target(source, target_model)
    if record.size == 0:
        raise MmeError(f"{source.url}{target_model} is empty", hint="check the store: mme models verify")
    created = destination.describe(target_model) is None
    if created:
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
                destination.delete(target_model)
        raise


def _check_reachable(source: ModelStore, destination: ModelStore) -> None:
    urls = [store.s3.meta.endpoint_url for store in (source, destination)]
    if source.url == destination.url and urls[0] == urls[1]:
        raise MmeError(
            f"{source.url} is both source and destination",
            hint="name the destination's environment with --env after promote-to",
        )
    if urls[0] != urls[1] and not all(_AMAZON.search(urlsplit(url).hostname or "") for url in urls):
        raise MmeError(
            f"S3 can't copy from {urls[0]} to {urls[1]}; they are separate services",
            hint="publish the model's directory there: mme --env ENV models add PATH",
        )


def _check_never_used(destination: ModelStore, record: ModelRecord) -> None:
    if record.version in RemovedVersions(destination).of(record.name):
        raise MmeError(
            f"{record.target_model} was removed from {destination.url}; instances there may still serve the "
            "removed model under this name",
            hint="publish the content as a new version, and promote that",
        )


def _copy(source: ModelStore, destination: ModelStore, record: ModelRecord, part_bytes: int) -> None:
    """Copy in parts, also a small archive: the last step of a multipart upload can refuse to overwrite."""
    from botocore.exceptions import ClientError

    original: CopySourceTypeDef = {
        "Bucket": source.bucket,
        "Key": object_key(source.prefix, record.target_model),
    }
    with destination.explained():
        try:
            metadata = source.s3.head_object(Bucket=source.bucket, Key=original["Key"])["Metadata"]
            own = {name: value for name, value in metadata.items() if name.startswith("mme-")}
            with NewArchive(destination, record.target_model, own) as copy:
                for first in range(0, record.size, part_bytes):
                    copy.copy_part(original, record.etag, first, min(first + part_bytes, record.size) - 1)
        except ClientError as error:
            if error.operation_name == "UploadPartCopy" and "AccessDenied" in str(error):
                raise MmeError(
                    f"the credentials for {destination.url} may not read {source.url}",
                    hint="call grant_read_models of the source's endpoint for that role or account",
                ) from error
            raise


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
                f"{record.digest[:12]}; it was deleted",
                hint="check the original: mme models verify",
            )
        raise MmeError(
            f"{destination.url} has another {record.target_model} with the digest {digest[:12]}, not "
            f"{record.digest[:12]}",
            hint="publish the content there as a new version, and promote that",
        )
    if created:
        # Again: it may have been published and removed there during the copy.
        _check_never_used(destination, record)
    return Transferred(copied, created, digest, read_content)

"""The models under one prefix of one bucket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mme.archives.signature import TensorSignature
from mme.aws.s3_errors import explain_s3_errors, is_write_conflict
from mme.errors import MmeError
from mme.registry.names import SUFFIX, ModelName, is_unusable_key, model_of, object_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

CONTENT_TYPE: Final = "application/gzip"
DIGEST_KEY: Final = "mme-digest"
UNPACKED_KEY: Final = "mme-unpacked-bytes"
SIGNATURE_KEY: Final = "mme-signature"
HELPERS_KEY: Final = "mme-helpers"

_HELPERS_MAX_BYTES: Final = 300
"""What a signature and a digest leave of the 2 KB of user metadata."""

_PARALLEL_HEADS: Final = 16


class NameTakenError(Exception):
    """An object of this key exists already: S3 refused to overwrite it."""


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One archive under the prefix.

    Attributes:
        target_model: Its key without the prefix: the TargetModel of InvokeEndpoint.
        name: The model's name; for archives not named `NAME_vN.tar.gz` all before `.tar.gz`.
        version: N, or None for archives named otherwise.
        size: Compressed size in S3, in bytes.
        last_modified: When it was published.
        digest: SHA-256 of its uncompressed tar, or None if it was not published by mme.
        unpacked_bytes: Bytes on the container's disk, or None likewise.
        signature: Its tensors, or None if unknown.
        etag: S3's ETag, with its quotes.
        helpers: Models in it that are loaded under names of their own: whether its code calls them.
    """

    target_model: str
    name: str
    version: int | None
    size: int
    last_modified: datetime
    digest: str | None = None
    unpacked_bytes: int | None = None
    signature: TensorSignature | None = None
    etag: str = ""
    helpers: Mapping[str, bool] = field(default_factory=dict)


class ModelStore:
    """All models under one prefix of one bucket. Threads may share it.

    Args:
        s3: A boto3 S3 client.
        bucket: The bucket's name.
        prefix: The models' prefix, ending in `/`, or empty for the whole bucket.

    Raises:
        MmeError: The prefix does not end in `/`.
    """

    def __init__(self, s3: S3Client, bucket: str, prefix: str) -> None:
        if prefix and not prefix.endswith("/"):
            raise MmeError(f"the models' prefix {prefix!r} must end in /", hint=f"did you mean {prefix}/ ?")
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix

    @property
    def url(self) -> str:
        """`s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    def records(self, start: str = "") -> list[ModelRecord]:
        """Return the archives with their metadata, by name and version.

        One HeadObject per archive, 16 at a time: S3's listing has no metadata. A key that can't be a
        TargetModel is listed without it.

        Args:
            start: Only names with this prefix. Default: all.
        """
        return self.with_metadata(self.listed(start) or [])

    def with_metadata(self, listed: Iterable[ModelRecord]) -> list[ModelRecord]:
        """Return listed archives with their metadata, without those removed since; see `records`."""
        with ThreadPoolExecutor(_PARALLEL_HEADS) as pool:
            return [record for record in pool.map(self._described, listed) if record]

    def listed(self, start: str = "", *, max_pages: int | None = None) -> list[ModelRecord] | None:
        """Return the archives without their metadata, by name and version.

        Args:
            start: Only names with this prefix. Default: all.
            max_pages: Return None if there are more pages of 1000 objects.
        """
        found = self.list_objects(self.prefix + start, max_pages=max_pages)
        if found is None:
            return None
        records = [
            _record(item["Key"][len(self.prefix) :], item["Size"], item["LastModified"], item["ETag"], {})
            for item in found
            if item["Key"].endswith(SUFFIX)
        ]
        return sorted(records, key=_order)

    def _described(self, listed: ModelRecord) -> ModelRecord | None:
        return listed if is_unusable_key(listed.target_model) else self.describe(listed.target_model)

    def versions(self, name: str) -> list[ModelRecord]:
        """Return the versions of one model without their metadata, lowest first."""
        found = self.listed(f"{name}_v") or []
        return [record for record in found if record.name == name and record.version is not None]

    def describe(self, target_model: str) -> ModelRecord | None:
        """Return one archive with its metadata, or None if it does not exist."""
        from botocore.exceptions import ClientError

        key = object_key(self.prefix, target_model)
        with self.explained():
            try:
                head = self.s3.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                # The answer to a HeadObject has no body, so boto3 knows the status only.
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    return None
                raise
        metadata = {name.lower(): value for name, value in head["Metadata"].items()}
        return _record(target_model, head["ContentLength"], head["LastModified"], head["ETag"], metadata)

    def put_new(self, target_model: str, archive: bytes, metadata: Mapping[str, str]) -> None:
        """Write a small archive in one request.

        Args:
            target_model: The archive's name.
            archive: Its content.
            metadata: The object's user metadata.

        Raises:
            NameTakenError: An archive of this name exists.
            MmeError: The bucket does not exist or access is denied.
        """
        with self.explained(), name_conflicts():
            self.s3.put_object(
                Bucket=self.bucket,
                Key=object_key(self.prefix, target_model),
                Body=archive,
                Metadata=metadata,
                ContentType=CONTENT_TYPE,
                IfNoneMatch="*",
            )

    def delete(self, target_model: str) -> None:
        """Delete an archive. Its version number must not be used again: see `RemovedVersions`."""
        with self.explained():
            self.s3.delete_object(Bucket=self.bucket, Key=object_key(self.prefix, target_model))

    def list_objects(self, prefix: str, *, max_pages: int | None = None) -> list[ObjectTypeDef] | None:
        """Return all objects of the bucket whose keys have a prefix.

        Args:
            prefix: Of the keys, the models' prefix included.
            max_pages: Return None if there are more pages of 1000 objects.
        """
        found: list[ObjectTypeDef] = []
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        with self.explained():
            for count, page in enumerate(pages, 1):
                found += page.get("Contents", [])
                if count == max_pages and page["IsTruncated"]:
                    return None
        return found

    def explained(self) -> AbstractContextManager[None]:
        """Raise S3's refusals as errors about this bucket.

        Raises:
            MmeError: The bucket does not exist, or access to it is denied.
        """
        hint = "use credentials with the rights (--profile), or grant_publish_models in the stack"
        return explain_s3_errors(self.bucket, self.url, denied_hint=hint)

    @contextmanager
    def reporting_retries(self, on_retry: Callable[[str], None]) -> Iterator[None]:
        """Report the requests that boto3 retries, while entered.

        Args:
            on_retry: Called before each retry with the reason. An exception that it raises ends the retries.
        """

        def report(response: Any = None, caught_exception: BaseException | None = None, **_: object) -> None:
            reason = _retry_reason(response, caught_exception)
            if reason:
                on_retry(reason)

        name = f"mme-retries-{id(report)}"
        events: Any = self.s3.meta.events
        events.register("needs-retry.s3", report, unique_id=name)
        try:
            yield
        finally:
            events.unregister("needs-retry.s3", unique_id=name)


@contextmanager
def name_conflicts() -> Iterator[None]:
    """Raise S3's refusal of a conditional write as NameTakenError.

    Raises:
        NameTakenError: The key is taken, or another conditional write of it is in progress.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if is_write_conflict(error):
            raise NameTakenError from error
        raise


def _record(
    target: str, size: int, last_modified: datetime, etag: str, metadata: Mapping[str, str]
) -> ModelRecord:
    parsed = ModelName.parse(target)
    unpacked = metadata.get(UNPACKED_KEY, "")
    return ModelRecord(
        target_model=target,
        name=model_of(target),
        version=parsed.version if parsed else None,
        size=size,
        last_modified=last_modified,
        digest=metadata.get(DIGEST_KEY),
        unpacked_bytes=int(unpacked) if unpacked.isdecimal() else None,
        signature=TensorSignature.from_metadata(metadata.get(SIGNATURE_KEY, "")),
        etag=etag,
        helpers=_helpers(metadata.get(HELPERS_KEY, "")),
    )


def helpers_metadata(helpers: Mapping[str, bool]) -> dict[str, str]:
    """Return an archive's helpers as metadata; empty if there are none or they are too long."""
    text = json.dumps(helpers, separators=(",", ":"))
    return {HELPERS_KEY: text} if helpers and len(text) <= _HELPERS_MAX_BYTES else {}


def _helpers(text: str) -> dict[str, bool]:
    with suppress(ValueError, AttributeError, RecursionError):
        return {str(name): bool(called) for name, called in json.loads(text).items()}
    return {}


def _order(record: ModelRecord) -> tuple[str, bool, int]:
    return record.name, record.version is None, record.version or 0


def _retry_reason(response: Any, error: BaseException | None) -> str | None:
    """Return why botocore is about to retry, if the server or the network is the cause."""
    if error is not None:
        return re.sub(r"(?<!^)([A-Z])", r" \1", type(error).__name__.removesuffix("Error")).lower()
    if response is None:
        return None
    http, parsed = response
    if http.status_code < 500 and http.status_code != 429:
        return None
    return str(parsed.get("Error", {}).get("Code") or http.status_code)

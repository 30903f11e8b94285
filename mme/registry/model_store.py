"""The models in S3: which there are, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mme.archives.signature import TensorSignature
from mme.errors import MmeError
from mme.registry.names import SUFFIX, ModelName, object_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DIGEST_KEY: Final = "mme-digest"
UNPACKED_KEY: Final = "mme-unpacked-bytes"
SIGNATURE_KEY: Final = "mme-signature"

_PARALLEL_HEADS = 16


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One archive under the prefix.

    Attributes:
        target_model: its key without the prefix, as InvokeEndpoint wants it.
        name: the model's name; for archives not named NAME_vN.tar.gz all before `.tar.gz`.
        version: N, or None for archives named otherwise.
        size: bytes in S3, compressed.
        last_modified: when it was published.
        digest: SHA-256 of its uncompressed tar, or None for archives that others put there.
        unpacked_bytes: what it takes on the container's disk, or None likewise.
        signature: its tensors, or None where they are not known.
    """

    target_model: str
    name: str
    version: int | None
    size: int
    last_modified: datetime
    digest: str | None = None
    unpacked_bytes: int | None = None
    signature: TensorSignature | None = None


class ModelStore:
    """All models under one prefix of one bucket.

    Args:
        s3: a boto3 S3 client.
        bucket: the bucket's name.
        prefix: where models lie, ending in `/` (or empty for the whole bucket).
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

    def records(self) -> list[ModelRecord]:
        """Every archive that can be invoked, by name and version, with its metadata.

        One HeadObject per archive, 16 at a time: S3's listing does not tell metadata.
        """
        with ThreadPoolExecutor(_PARALLEL_HEADS) as pool:
            found = list(pool.map(self._described, self._listed("")))
        # One that was removed between the listing and the look at it is gone.
        present = [record for record in found if record]
        return sorted(present, key=lambda record: (record.name, record.version is None, record.version or 0))

    def versions(self, name: str) -> list[ModelRecord]:
        """The versions of one model, lowest first, without their metadata."""
        found = [record for record in self._listed(f"{name}_v") if record.name == name]
        return sorted(
            (record for record in found if record.version is not None), key=lambda record: record.version or 0
        )

    def describe(self, target_model: str) -> ModelRecord | None:
        """One archive with its metadata, or None if there is none of that name."""
        return self._head(target_model)

    def _described(self, record: ModelRecord) -> ModelRecord | None:
        return self._head(record.target_model)

    def _head(self, target_model: str) -> ModelRecord | None:
        from botocore.exceptions import ClientError

        key = object_key(self.prefix, target_model)
        with self.explained():
            try:
                head = self.s3.head_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                # HeadObject has no body, so boto3 knows the status only.
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    return None
                raise
        metadata = head["Metadata"]
        unpacked = metadata.get(UNPACKED_KEY, "")
        return _record(
            target_model,
            head["ContentLength"],
            head["LastModified"],
            digest=metadata.get(DIGEST_KEY),
            unpacked_bytes=int(unpacked) if unpacked.isdecimal() else None,
            signature=TensorSignature.from_metadata(metadata.get(SIGNATURE_KEY, "")),
        )

    def _listed(self, start: str) -> Iterator[ModelRecord]:
        pages = self.s3.get_paginator("list_objects_v2")
        with self.explained():
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + start):
                for item in page.get("Contents", []):
                    target = item["Key"][len(self.prefix) :]
                    if target.endswith(SUFFIX) and target != SUFFIX:
                        yield _record(target, item["Size"], item["LastModified"])

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns S3's refusals into words about this bucket.

        Raises:
            MmeError: the bucket does not exist or may not be used.
        """
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                raise MmeError(
                    f"the models' bucket {self.bucket} does not exist",
                    hint="deploy the model store again: cdk deploy",
                ) from error
            if code in ("403", "AccessDenied"):
                raise MmeError(
                    f"access to {self.url} is denied ({error.operation_name})",
                    hint="use credentials that may do it (--profile), or grant_publish_models in the stack",
                ) from error
            raise


def _record(
    target: str,
    size: int,
    modified: datetime,
    *,
    digest: str | None = None,
    unpacked_bytes: int | None = None,
    signature: TensorSignature | None = None,
) -> ModelRecord:
    parsed = ModelName.parse(target)
    return ModelRecord(
        target_model=target,
        name=parsed.name if parsed else target.removesuffix(SUFFIX),
        version=parsed.version if parsed else None,
        size=size,
        last_modified=modified,
        digest=digest,
        unpacked_bytes=unpacked_bytes,
        signature=signature,
    )

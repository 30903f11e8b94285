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
from mme.registry.objects import BotoObjects, Objects, StoredObject

if TYPE_CHECKING:
    import boto3
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
        etag: S3's name of this content.
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


class ModelStore:
    """All models under one prefix of one bucket.

    Args:
        s3: a boto3 S3 client.
        bucket: the bucket's name.
        prefix: where models lie, ending in `/` (or empty for the whole bucket).
        objects: how to get at many objects. Default: the client; `ModelStore.open` has a faster way.
    """

    def __init__(self, s3: S3Client, bucket: str, prefix: str, *, objects: Objects | None = None) -> None:
        if prefix and not prefix.endswith("/"):
            raise MmeError(f"the models' prefix {prefix!r} must end in /", hint=f"did you mean {prefix}/ ?")
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.objects: Objects = objects or BotoObjects(s3, bucket)

    @classmethod
    def open(cls, session: boto3.Session, s3: S3Client, bucket: str, prefix: str) -> ModelStore:
        """The same with obstore for whatever is done to many models, where it can go there.

        Args:
            session: has the credentials.
            s3: a client of that session.
            bucket: the bucket's name.
            prefix: where models lie.
        """
        from mme.registry.fast_objects import fast_objects

        return cls(s3, bucket, prefix, objects=fast_objects(session, s3, bucket, prefix))

    @property
    def url(self) -> str:
        """`s3://bucket/prefix/`."""
        return f"s3://{self.bucket}/{self.prefix}"

    def records(self, start: str = "") -> list[ModelRecord]:
        """The archives that can be invoked, by name and version, with their metadata.

        One HeadObject per archive, 16 at a time: S3's listing does not tell metadata.

        Args:
            start: of the names. Default: all.
        """
        with ThreadPoolExecutor(_PARALLEL_HEADS) as pool:
            found = list(pool.map(self._described, self.listed(start) or []))
        # One that was removed between the listing and the look at it is gone.
        present = [record for record in found if record]
        return sorted(present, key=_order)

    def listed(self, start: str = "", *, max_pages: int | None = None) -> list[ModelRecord] | None:
        """The archives whose names begin so, by name and version, without their metadata.

        Args:
            start: of the names.
            max_pages: gives up with None where there are more than so many thousands.
        """
        with self.explained():
            found = self.objects.listed(self.prefix + start, max_pages=max_pages)
        if found is None:
            return None
        records = [
            _record(item, item.key[len(self.prefix) :])
            for item in found
            if item.key.endswith(SUFFIX) and item.key != self.prefix + SUFFIX
        ]
        return sorted(records, key=_order)

    def versions(self, name: str) -> list[ModelRecord]:
        """The versions of one model, lowest first, without their metadata."""
        found = self.listed(f"{name}_v") or []
        return [record for record in found if record.name == name and record.version is not None]

    def describe(self, target_model: str) -> ModelRecord | None:
        """One archive with its metadata, or None if there is none of that name."""
        key = object_key(self.prefix, target_model)
        with self.explained():
            found = self.objects.head(key)
        return _record(found, target_model) if found else None

    def _described(self, record: ModelRecord) -> ModelRecord | None:
        return self.describe(record.target_model)

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


def _record(found: StoredObject, target: str) -> ModelRecord:
    parsed = ModelName.parse(target)
    unpacked = found.metadata.get(UNPACKED_KEY, "")
    return ModelRecord(
        target_model=target,
        name=parsed.name if parsed else target.removesuffix(SUFFIX),
        version=parsed.version if parsed else None,
        size=found.size,
        last_modified=found.last_modified,
        digest=found.metadata.get(DIGEST_KEY),
        unpacked_bytes=int(unpacked) if unpacked.isdecimal() else None,
        signature=TensorSignature.from_metadata(found.metadata.get(SIGNATURE_KEY, "")),
        etag=found.etag,
    )


def _order(record: ModelRecord) -> tuple[str, bool, int]:
    return record.name, record.version is None, record.version or 0

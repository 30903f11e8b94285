"""Objects that come into being whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Final

from mme.registry.objects import CONTENT_TYPE, taken_or

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES: Final = 8 * 1024 * 1024
"""Size of a part. S3 takes 5 MiB to 5 GiB (S3 user guide, "Amazon S3 multipart upload limits")."""

_MAX_PARTS: Final = 10_000
_PARTS_IN_FLIGHT: Final = 4


class NewObject(io.RawIOBase):
    """A large object as a file to write to, sent in parts while it is written.

    Use it in a `with` block. Left normally, the object appears, whole. Left by any exception, nothing appears
    and no part stays behind. Memory holds a handful of parts at most.

    Args:
        s3: a boto3 S3 client.
        bucket: the bucket's name.
        key: the object's key.
        metadata: the object's user metadata.
        size_hint: the most that will be written, in bytes.

    Attributes:
        size: bytes written so far.
        etag: once it is there, S3's name of its content.
        upload: S3's id of the upload.
        gone: whether nothing is left of the upload but the object, if that came to be.

    Raises:
        NameTakenError: on leaving, there is an object of that key.
    """

    def __init__(
        self, s3: S3Client, bucket: str, key: str, metadata: Mapping[str, str], *, size_hint: int
    ) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        # A tenth more, for data that grows under compression.
        self._part_bytes = max(PART_BYTES, -(-size_hint * 11 // 10 // _MAX_PARTS))
        self._buffer = bytearray()
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._room = threading.BoundedSemaphore(_PARTS_IN_FLIGHT)
        self._pool = ThreadPoolExecutor(_PARTS_IN_FLIGHT)
        self.size = 0
        self.etag = ""
        self.gone = False
        self.upload = s3.create_multipart_upload(
            Bucket=bucket, Key=key, Metadata=metadata, ContentType=CONTENT_TYPE
        )["UploadId"]

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: object) -> int:
        """Takes bytes; waits while too many parts are under way, and raises what befell an earlier part."""
        view = memoryview(data)  # type: ignore[arg-type]
        self._buffer += view
        self.size += view.nbytes
        while len(self._buffer) >= self._part_bytes:
            self._send(bytes(self._buffer[: self._part_bytes]))
            del self._buffer[: self._part_bytes]
        return view.nbytes

    def __enter__(self) -> NewObject:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._complete()
        except BaseException:
            kind = BaseException
            raise
        finally:
            # Parts on their way would outlive an abort that comes before they end.
            self._pool.shutdown(wait=True, cancel_futures=True)
            if kind is not None:
                # Where even that fails (no network), the first error is the one to tell, and the bucket's
                # lifecycle rule clears the parts.
                with contextlib.suppress(Exception):
                    self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self.upload)
                    self.gone = True
            self.close()

    def _send(self, part: bytes) -> None:
        for earlier in self._parts:
            if earlier.done():
                earlier.result()
        self._room.acquire()
        self._parts.append(self._pool.submit(self._upload, len(self._parts) + 1, part))

    def _upload(self, number: int, part: bytes) -> CompletedPartTypeDef:
        try:
            answer = self._s3.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=self.upload, PartNumber=number, Body=part
            )
        finally:
            self._room.release()
        completed: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        if "ChecksumCRC32" in answer:
            # boto3 adds this checksum by itself; S3 then wants it again at the end.
            completed["ChecksumCRC32"] = answer["ChecksumCRC32"]
        return completed

    def _complete(self) -> None:
        from botocore.exceptions import ClientError

        if self._buffer or not self._parts:
            self._send(bytes(self._buffer))
        parts = [part.result() for part in self._parts]
        try:
            self.etag = self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self.upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )["ETag"]
        except ClientError as error:
            raise taken_or(error) from error
        self.gone = True

"""Large objects that appear in S3 whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from mme.registry.model_store import CONTENT_TYPE, ModelStore, name_conflicts
from mme.registry.names import object_key

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

PART_BYTES: Final = 8 * 1024 * 1024
"""Size of a part. S3 takes 5 MiB to 5 GiB (S3 user guide, "Amazon S3 multipart upload limits")."""

_MAX_PARTS: Final = 10_000
_PARALLEL_PARTS: Final = 4


class NewArchive(io.RawIOBase):
    """A multipart upload as a file to write to; or its parts are copied inside S3.

    Use it in a `with` block. A normal exit completes the upload; any exception aborts it and no part remains.
    If the abort fails too (no network, `kill -9`), the bucket's lifecycle rule removes the parts. A few parts
    are in memory at a time.

    Args:
        store: Where to upload.
        target_model: The archive's name.
        metadata: The object's user metadata.
        size_hint: The most bytes that will be written.

    Attributes:
        size: Bytes written so far.

    Raises:
        NameTakenError: On exit, an archive of this name exists.
    """

    def __init__(
        self, store: ModelStore, target_model: str, metadata: Mapping[str, str], *, size_hint: int = 0
    ) -> None:
        super().__init__()
        self._s3 = store.s3
        # A tenth more, for data that grows under compression.
        self._part_bytes = max(PART_BYTES, -(-size_hint * 11 // 10 // _MAX_PARTS))
        self._buffer = bytearray()
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._slots = threading.BoundedSemaphore(_PARALLEL_PARTS)
        self._pool = ThreadPoolExecutor(_PARALLEL_PARTS)
        self.size = 0
        where: dict[str, Any] = {"Bucket": store.bucket, "Key": object_key(store.prefix, target_model)}
        created = self._s3.create_multipart_upload(**where, Metadata=metadata, ContentType=CONTENT_TYPE)
        self._upload = where | {"UploadId": created["UploadId"]}

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: object) -> int:
        """Take bytes. Blocks while four parts are in flight; raises the error of an earlier part."""
        view = memoryview(data)  # type: ignore[arg-type]
        self._buffer += view
        self.size += view.nbytes
        while len(self._buffer) >= self._part_bytes:
            self._send_part(bytes(self._buffer[: self._part_bytes]))
            del self._buffer[: self._part_bytes]
        return view.nbytes

    def copy_part(self, source: CopySourceTypeDef, etag: str, first: int, last: int) -> None:
        """Copy a range of another object as the next part.

        Args:
            source: Its `Bucket` and `Key`.
            etag: Its ETag; the copy fails if it changed.
            first: First byte.
            last: Last byte.
        """

        def copy(number: int) -> Mapping[str, Any]:
            return self._s3.upload_part_copy(
                **self._upload,
                PartNumber=number,
                CopySource=source,
                CopySourceIfMatch=etag,
                CopySourceRange=f"bytes={first}-{last}",
            )["CopyPartResult"]

        self._submit(copy)

    def __enter__(self) -> NewArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        completed = False
        try:
            if kind is None:
                self._complete()
                completed = True
        finally:
            # A part in flight would outlive an abort that comes before it ends.
            self._pool.shutdown(wait=True, cancel_futures=True)
            if not completed:
                # The first error is the one to report.
                with contextlib.suppress(Exception):
                    self._s3.abort_multipart_upload(**self._upload)
            self.close()

    def _send_part(self, content: bytes) -> None:
        self._submit(lambda number: self._s3.upload_part(**self._upload, PartNumber=number, Body=content))

    def _submit(self, send: Callable[[int], Mapping[str, Any]]) -> None:
        for earlier in self._parts:
            if earlier.done():
                earlier.result()
        self._slots.acquire()
        self._parts.append(self._pool.submit(self._run, send, len(self._parts) + 1))

    def _run(self, send: Callable[[int], Mapping[str, Any]], number: int) -> CompletedPartTypeDef:
        try:
            answer = send(number)
        finally:
            self._slots.release()
        completed: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        if "ChecksumCRC32" in answer:
            # boto3 adds this checksum by itself; S3 then requires it again at the end.
            completed["ChecksumCRC32"] = answer["ChecksumCRC32"]
        return completed

    def _complete(self) -> None:
        if self._buffer or not self._parts:
            self._send_part(bytes(self._buffer))
        parts = [part.result() for part in self._parts]
        with name_conflicts():
            self._s3.complete_multipart_upload(
                **self._upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )

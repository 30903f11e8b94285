"""A gzip file decompressed front to back, in bounded memory, guarded against decompression bombs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mme.archives.errors import UnreadableArchiveError
from mme.archives.file_kind import GZIP_MAGIC, TAR_KIND, file_kind
from mme.findings import Finding

CHUNK_BYTES: Final = 256 * 1024
MAX_MEMBERS: Final = 100_000
"""A model has some dozens of files and directories; a million empty ones use up a disk's inodes."""

_GZIP_WINDOW: Final = 31  # zlib's wbits for a gzip header and trailer
_HEAD_BYTES: Final = 1024
_ERROR_NUMBER: Final = re.compile(r"^Error -?\d+ ")


@dataclass(frozen=True, slots=True)
class Limits:
    """When reading an archive stops, for every command that reads one.

    Attributes:
        unpacked_bytes: Bytes of the uncompressed tar.
        ratio: Largest ratio of unpacked to packed bytes. Deflate itself reaches 1032.
        ratio_from_bytes: Unpacked bytes below which the ratio is not checked.
        members: Files and directories.
        names_bytes: Bytes of all members' names together.
        header_bytes: Bytes of all extended headers before one member.
    """

    unpacked_bytes: int = 1000 * 10**9
    ratio: int = 500
    ratio_from_bytes: int = 2**30
    members: int = MAX_MEMBERS
    names_bytes: int = 64 * 2**20
    header_bytes: int = 2**20


class Digest(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""


class GzipStream:
    """The uncompressed bytes of a gzip file. Several gzip members are one stream (RFC 1952, 2.2).

    Args:
        chunks: The compressed bytes.
        limits: When to stop.
        digest: Receives all uncompressed bytes.
    """

    def __init__(self, chunks: Iterable[bytes], limits: Limits, digest: Digest | None = None) -> None:
        self._chunks = iter(chunks)
        self._limits = limits
        self._digest = digest
        self._inflater: Any = None
        self._input = b""
        self._output = b""
        self._position = 0
        self._ended = False
        self.packed_bytes = 0
        self.unpacked_bytes = 0
        self.trailing_bytes = 0
        """Bytes other than zero after the compressed data."""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end.

        Raises:
            UnreadableArchiveError: The file is not gzip, is damaged or cut off, or exceeds the limits.
        """
        while len(self._output) - self._position < size and not self._ended:
            self._output = self._output[self._position :] + self._inflate()
            self._position = 0
        block = self._output[self._position : self._position + size]
        self._position += len(block)
        return block

    def skip(self, size: int) -> int:
        """Read and drop `size` bytes; return how many there were."""
        left = size
        while left and (block := self.read(min(left, CHUNK_BYTES))):
            left -= len(block)
        return size - left

    def _fill(self, size: int) -> None:
        while len(self._input) < size and (chunk := next(self._chunks, None)) is not None:
            self.packed_bytes += len(chunk)
            self._input += chunk

    def _inflate(self) -> bytes:
        from isal.igzip_lib import IsalError

        if self._inflater is None:
            self._fill(_HEAD_BYTES)
            if not self._input.startswith(GZIP_MAGIC):
                raise UnreadableArchiveError(_not_gzip(self._input))
            self._inflater = _new_inflater()
        elif self._inflater.eof:
            self._next_member()
            return b""
        self._fill(1)
        if not self._input:
            text = f"the archive ends in the middle, after {self.packed_bytes} bytes"
            hint = "an upload or download was cut off: copy or pack it again"
            raise UnreadableArchiveError(Finding.error("truncated", text, hint))
        try:
            block: bytes = self._inflater.decompress(self._input, CHUNK_BYTES)
        except IsalError as error:  # type: ignore[misc]
            reason = _ERROR_NUMBER.sub("", str(error)).lower()
            text = f"the gzip data is damaged near byte {self.packed_bytes - len(self._input)}: {reason}"
            hint = "copy it again in binary mode, or pack it again"
            raise UnreadableArchiveError(Finding.error("gzip-damaged", text, hint)) from None
        done = self._inflater.eof
        self._input = self._inflater.unused_data if done else self._inflater.unconsumed_tail
        self.unpacked_bytes += len(block)
        self._check_limits()
        if self._digest:
            self._digest.update(block)
        return block

    def _next_member(self) -> None:
        """Start the next gzip member, or count what follows the last one."""
        self._fill(2)
        if self._input.startswith(GZIP_MAGIC):
            self._inflater = _new_inflater()
            return
        self._ended = True
        while self._input:
            self.trailing_bytes += len(self._input.strip(b"\x00"))
            self._input = b""
            self._fill(1)

    def _check_limits(self) -> None:
        limits = self._limits
        if self.unpacked_bytes > limits.unpacked_bytes:
            raise UnreadableArchiveError(too_large(limits.unpacked_bytes))
        used = max(1, self.packed_bytes - len(self._input))
        if self.unpacked_bytes > limits.ratio_from_bytes and self.unpacked_bytes > used * limits.ratio:
            text = f"{used:,} bytes unpack to {self.unpacked_bytes:,}, more than {limits.ratio} times as much"
            hint = "no model's weights compress like this: pack the model again from its source"
            raise UnreadableArchiveError(Finding.error("bomb", f"{text}; reading stopped there", hint))


def too_large(limit: int) -> Finding:
    """Return the finding for an archive that unpacks to more than `limit` bytes."""
    hint = "publish the model's files only, or raise the limit"
    return Finding.error("too-large", f"it unpacks to more than {limit:,} bytes; reading stopped there", hint)


def _new_inflater() -> Any:
    from isal import isal_zlib

    return isal_zlib.decompressobj(wbits=_GZIP_WINDOW)


def _not_gzip(head: bytes) -> Finding:
    if not head:
        return Finding.error(
            "empty-file", "the file is empty", "an upload was cut off: pack and upload it again"
        )
    kind = file_kind(head)
    hint = "pack it as a gzipped tar: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
    if kind == TAR_KIND:
        return Finding.error(
            "not-compressed", "it is an uncompressed tar, not a tar.gz", "gzip it: gzip model.tar"
        )
    if kind and kind.startswith("a Git LFS"):
        return Finding.error("lfs-pointer", f"it is {kind}", "fetch the file first: git lfs pull")
    if kind:
        return Finding.error("other-compression", f"it is {kind}, not a gzipped tar archive", hint)
    return Finding.error("not-gzip", f"it is not a gzipped tar archive; it starts with {head[:8]!r}", hint)

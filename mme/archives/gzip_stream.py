"""A gzip file read once from front to back, in bounded memory, guarded against bombs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Any, Final

from mme.archives.finding_codes import found
from mme.archives.findings import Finding

CHUNK_BYTES: Final = 256 * 1024

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header and trailer are expected"
_ERROR_NUMBER: Final = re.compile(r"^Error -?\d+ ")
_TAR_MAGIC: Final = slice(257, 262)

_FORMATS: Final = (
    (b"PK\x03\x04", "a zip file"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (b"Rar!\x1a\x07", "a RAR file"),
    (b"\x1f\x9d", "compressed with compress (.Z)"),
    (_GZIP, "compressed with gzip"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points at"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"<", "an HTML or XML text, such as a server's error page"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where reading an archive stops.

    Attributes:
        unpacked_bytes: more than any endpoint's volume would hold.
        ratio: of unpacked to packed bytes. Deflate itself ends at 1032.
        ratio_from_bytes: below so many unpacked bytes the ratio harms nobody.
        members: files and directories.
        names_bytes: of all members' names together.
    """

    unpacked_bytes: int = 1000 * 10**9
    ratio: int = 500
    ratio_from_bytes: int = 2**30
    members: int = 200_000
    names_bytes: int = 64 * 2**20


class StoppedError(Exception):
    """Reading can't go on.

    Args:
        finding: why.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def looks_like(head: bytes) -> str | None:
    """What a file is by its first bytes, in words; None where they tell nothing.

    Args:
        head: 512 bytes or more, where the file is that long.
    """
    if head[_TAR_MAGIC] == b"ustar":
        return "an uncompressed tar"
    return next((words for magic, words in _FORMATS if head.startswith(magic)), None)


class GzipStream:
    """The uncompressed bytes of a gzip file.

    Args:
        source: anything with `read`; it is neither sought nor closed.
        limits: where to stop.
    """

    def __init__(self, source: IO[bytes], limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._inflater: Any = None
        self._input = b""
        self._output = b""
        self._ended = False
        self.packed_bytes = 0
        self.unpacked_bytes = 0
        self.trailing: str | None = None
        """What follows the compressed data, in words; None if nothing does."""

    def open(self) -> None:
        """Looks at the first bytes.

        Raises:
            StoppedError: it is no gzip file.
        """
        self._fill(1024)
        if self._input.startswith(_GZIP):
            self._inflater = _new_inflater()
            return
        raise StoppedError(_not_gzip(self._input))

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end.

        Raises:
            StoppedError: the file is damaged, cut off, or unpacks beyond the limits.
        """
        while len(self._output) < size and not self._ended:
            self._output += self._inflate()
        given, self._output = self._output[:size], self._output[size:]
        return given

    def skip(self, size: int) -> int:
        """Reads `size` bytes and drops them; returns how many there were."""
        left = size
        while left:
            block = self.read(min(left, CHUNK_BYTES))
            if not block:
                break
            left -= len(block)
        return size - left

    def _fill(self, size: int) -> None:
        while len(self._input) < size:
            block = self._source.read(CHUNK_BYTES)
            if not block:
                return
            self.packed_bytes += len(block)
            self._input += block

    def _inflate(self) -> bytes:
        from isal.igzip_lib import IsalError

        if self._inflater.eof:
            self._next_part()
            return b""
        if not self._input:
            self._fill(1)
            if not self._input:
                raise StoppedError(
                    found(
                        "truncated",
                        f"the archive ends in the middle, after {self.packed_bytes} bytes",
                        "an upload or download was cut off: copy or pack it again",
                    )
                )
        try:
            block: bytes = self._inflater.decompress(self._input, CHUNK_BYTES)
        except IsalError as error:  # type: ignore[misc]
            raise StoppedError(
                found(
                    "gzip-damaged",
                    f"the gzip data is damaged near byte {self.packed_bytes - len(self._input)}: "
                    f"{_ERROR_NUMBER.sub('', str(error)).lower()}",
                    "copy it again in binary mode, or pack it again",
                )
            ) from None
        if self._inflater.eof:
            self._input = self._inflater.unused_data
        else:
            self._input = self._inflater.unconsumed_tail
        self.unpacked_bytes += len(block)
        self._guard()
        return block

    def _next_part(self) -> None:
        """A gzip file may hold several parts. What is none is ignored by every gunzip, as are zeros."""
        self._fill(2)
        if self._input.startswith(_GZIP):
            self._inflater = _new_inflater()
            return
        self._ended = True
        junk = len(self._input.strip(b"\x00"))
        while self._input:
            self._input = b""
            self._fill(1)
            junk += len(self._input.strip(b"\x00"))
        if junk:
            self.trailing = f"{junk} bytes"

    def _guard(self) -> None:
        limits = self._limits
        if self.unpacked_bytes > limits.unpacked_bytes:
            raise StoppedError(
                found(
                    "too-large",
                    f"it unpacks to more than {limits.unpacked_bytes / 1e9:.0f} GB, where reading stopped",
                    "publish the model's files only; a volume of an endpoint holds less",
                )
            )
        used = max(1, self.packed_bytes - len(self._input))
        if self.unpacked_bytes > limits.ratio_from_bytes and self.unpacked_bytes > used * limits.ratio:
            raise StoppedError(
                found(
                    "bomb",
                    f"{used} bytes unpack to {self.unpacked_bytes}, more than {limits.ratio} times as much: "
                    "reading stopped",
                    "no model's weights compress like this: pack the model again from its source",
                )
            )


def _new_inflater() -> Any:
    from isal import isal_zlib

    return isal_zlib.decompressobj(wbits=_GZIP_WINDOW)


def _not_gzip(head: bytes) -> Finding:
    if not head:
        return found("empty-file", "the file is empty", "an upload was cut off: pack and upload it again")
    words = looks_like(head)
    way_out = "pack it as a gzipped tar: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
    if words == "an uncompressed tar":
        return found("not-compressed", "it is an uncompressed tar, not a tar.gz", "gzip it: gzip model.tar")
    if words and words.startswith("a Git LFS"):
        return found("lfs-pointer", f"it is {words}", "fetch the file first: git lfs pull")
    if words:
        return found("other-compression", f"it is {words}, not a gzipped tar", way_out)
    return found("not-gzip", f"it is no gzip file: it starts with {head[:8]!r}", way_out)

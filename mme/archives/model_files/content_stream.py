"""A file's content, read front to back: of a file on disk, of an archive's member, or of bytes."""

from __future__ import annotations

import io
import os
from typing import IO, Protocol


class ContentStream(Protocol):
    """The content of one file."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""

    def skip(self, size: int, /) -> int:
        """Drop the next bytes, at most `size`; return how many there were."""


class FileStream:
    """A file on disk, or bytes: what is dropped is never read.

    Args:
        file: Open for reading, and able to seek.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        position = file.tell()
        self._size = file.seek(0, os.SEEK_END)
        file.seek(position)

    @classmethod
    def of(cls, content: bytes) -> FileStream:
        """Return the stream of some bytes."""
        return cls(io.BytesIO(content))

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        return self._file.read(size)

    def skip(self, size: int, /) -> int:
        """Drop the next bytes, at most `size`; return how many there were."""
        start = self._file.tell()
        return self._file.seek(max(start, min(start + size, self._size))) - start


class StreamWithStart:
    """A stream of which the first bytes were read before.

    Args:
        start: Those bytes.
        rest: The stream, after them.
    """

    def __init__(self, start: bytes, rest: ContentStream) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        if not self._start:
            return self._rest.read(size)
        block, self._start = self._start[:size], self._start[size:]
        return block

    def skip(self, size: int, /) -> int:
        """Drop the next bytes, at most `size`; return how many there were."""
        dropped = len(self._start[:size])
        self._start = self._start[dropped:]
        return dropped + (self._rest.skip(size - dropped) if size > dropped else 0)

"""Protobuf's wire format, read front to back: what no one asks for is dropped without being held in memory.

The generated classes need a whole message in memory, which for a model means its weights.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.model_files.content_stream import ContentStream, FileStream

_AHEAD_BYTES: Final = 64 * 1024
_VARINT_MAX_BITS: Final = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

NAME_MAX_BYTES: Final = 64 * 1024
"""Longest string that is read: a tensor's name has some dozens of bytes."""

_NAMES_MAX_BYTES: Final = 32 * 1024 * 1024


class WireError(Exception):
    """The bytes are not a protobuf message, or not all of one.

    Args:
        missing: Bytes that a field claims beyond the end; 0 if the bytes make no sense.
        field: The number of the field of the outermost message in which reading stopped.
    """

    def __init__(self, missing: int = 0, field: int = 0) -> None:
        super().__init__(f"{missing} bytes missing" if missing else "not protobuf")
        self.missing = missing
        self.field = field


@dataclass(slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: As in the schema.
        value: Of a number; 0 for bytes, strings and messages.
        end: Position after the field's content; 0 for a number.
    """

    number: int
    value: int = 0
    end: int = 0


class WireReader:
    """Reads messages. A field's content that was not read when the next one is asked for is dropped.

    Args:
        stream: The message.
        size: Of the message, in bytes.
    """

    def __init__(self, stream: ContentStream, size: int) -> None:
        self._stream = stream
        self._size = size
        self._buffer = b""
        self._at = 0
        self._position = 0
        self._room = _NAMES_MAX_BYTES

    @classmethod
    def of(cls, content: bytes) -> WireReader:
        """Return a reader of a message in memory."""
        reader = cls(FileStream.of(b""), len(content))
        reader._buffer = content
        return reader

    def fields(self, end: int | None = None) -> Iterator[Field]:
        """Yield the fields of a message that starts here.

        Args:
            end: Where it ends. Default: at the end of the stream.

        Raises:
            WireError: The bytes are not a message.
        """
        stop = self._size if end is None else end
        while self._position < stop:
            tag = self._varint(stop)
            number, kind = tag >> 3, tag & 7
            if number == 0:
                raise WireError
            if kind == _BYTES:
                length = self._varint(stop)
                field_end = self._position + length
                if field_end > stop:
                    raise WireError(field_end - stop if end is None else 0, number)
                yield Field(number, end=field_end)
                self._drop(field_end - self._position)
            elif kind == _VARINT:
                yield Field(number, self._varint(stop))
            elif kind in (_FIXED32, _FIXED64):
                yield Field(number)
                self._drop(4 if kind == _FIXED32 else 8)
            else:
                raise WireError(field=number)
        if self._position > stop:
            raise WireError

    def content(self, field: Field) -> bytes | None:
        """Return the content of a field of bytes; None if it is longer than `NAME_MAX_BYTES`."""
        length = field.end - self._position
        return self._take(length) if 0 <= length <= NAME_MAX_BYTES else None

    def varints(self) -> Iterator[int]:
        """Yield the numbers of a packed field, whose content this reads."""
        while self._position < self._size:
            yield self._varint(self._size)

    def text(self, field: Field) -> str:
        """Return the content of a string; empty if it is longer than any name."""
        content = self.content(field) or b""
        self._room -= len(content)
        if self._room < 0:
            raise WireError
        return content.decode("utf-8", "replace")

    def _varint(self, stop: int) -> int:
        value = shift = 0
        while True:
            if self._at >= len(self._buffer):
                self._fill()
            byte = self._buffer[self._at]
            self._at += 1
            self._position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & (2**64 - 1)
            if shift >= _VARINT_MAX_BITS + 6 or self._position >= stop:
                raise WireError

    def _take(self, length: int) -> bytes:
        parts = []
        while length:
            if self._at >= len(self._buffer):
                self._fill()
            part = self._buffer[self._at : self._at + length]
            self._at += len(part)
            self._position += len(part)
            length -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _drop(self, length: int) -> None:
        if length < 0:
            raise WireError
        buffered = min(length, len(self._buffer) - self._at)
        self._at += buffered
        if length > buffered and self._stream.skip(length - buffered) < length - buffered:
            raise WireError(1)
        self._position += length

    def _fill(self) -> None:
        self._buffer = self._stream.read(min(_AHEAD_BYTES, self._size - self._position))
        self._at = 0
        if not self._buffer:
            raise WireError(max(1, self._size - self._position))


def signed(value: int) -> int:
    """Return a varint as an int64."""
    return value - 2**64 if value >= 2**63 else value

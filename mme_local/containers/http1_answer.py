"""One answer of HTTP/1.1: a status, headers, and a body by Content-Length, in chunks, or until the end.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header may hold: passed on, it would be a header of somebody else's (RFC 9110, 5.5)."""
_MOST_HEAD_BYTES: Final = 64 * 1024
_MOST_ROOM_BYTES: Final = 64 * 1024 * 1024
"""A body of more than this gets its room as it comes: somebody may only say that it is so long."""


@dataclass(slots=True)
class Answer:
    """One answer.

    Attributes:
        status: its status.
        headers: their values by name in lower case; the last of several.
        body: the whole of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes | bytearray = b""


_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")


class AnswerReader:
    """Takes an answer apart as it comes.

    Attributes:
        keeps: whether the connection can take another request after this answer.
    """

    def __init__(self) -> None:
        self.keeps = True
        self._buffer = bytearray()
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self._missing: int | None = None  # of the body or of a chunk; None: until the end
        self._whole_body: bytearray | None = None  # of the length that was said, filled from its beginning
        self._chunked = False
        self._after_chunk = False
        self._trailer = False

    @property
    def begun(self) -> bool:
        """Whether its head is there."""
        return self._answer is not None

    @property
    def room(self) -> memoryview | None:
        """Where the rest of the body goes, for `filled`; None where bytes are to be given to `feed`."""
        body, missing = self._whole_body, self._missing
        return None if body is None or not missing else memoryview(body)[-missing:]

    def filled(self, count: int) -> Answer | None:
        """So many bytes were written into `room`: the answer, once it is whole."""
        if self._answer is None or self._missing is None:
            raise ValueError("it has no body yet")
        self._missing -= count
        return None if self._missing else self._whole(self._answer)

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once it is whole. ValueError where it is none."""
        while self._answer is None:
            self._buffer += data
            data = b""
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MOST_HEAD_BYTES:
                    raise ValueError("its head has no end")
                return None
            head, data = bytes(self._buffer[:end]), bytes(self._buffer[end + 4 :])
            self._buffer.clear()
            self._begin(head)
        if not (self._feed_chunks(data) if self._chunked else self._feed_plain(data)):
            return None
        return self._whole(self._answer)

    def ended(self) -> Answer | None:
        """The answer, where the end of the connection is its end."""
        if self._answer is None or self._chunked or self._missing is not None:
            return None
        return self._whole(self._answer)

    def _begin(self, head: bytes) -> None:
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        if _CONTROL.search("".join(lines)):
            raise ValueError("a header holds a control character")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(f"it begins with {first[:40]!r}")
        status = int(rest[:3])
        if 100 <= status < 200:
            return  # an interim answer; the real one follows
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            if name == "content-length" and headers.get(name, value) != value:
                raise ValueError("it says two lengths")
            headers[name] = value
        self._answer = Answer(status, headers)
        connection = headers.get("connection", "").lower()
        self.keeps = "close" not in connection and (version != "HTTP/1.0" or "keep-alive" in connection)
        if status in (204, 304):
            self._missing = 0
        elif "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise ValueError(f"its transfer encoding is {headers['transfer-encoding'][:40]!r}")
            self._chunked = True
        elif "content-length" in headers:
            length = headers["content-length"]
            if not (length.isascii() and length.isdigit()):
                raise ValueError(f"its Content-Length is {length[:40]!r}")
            self._missing = int(length)
        else:
            self.keeps = False

    def _feed_plain(self, data: bytes) -> bool:
        """Whether the body is whole."""
        missing = self._missing
        if missing is None:
            if data:
                self._pieces.append(data)
            return False
        if len(data) > missing:
            raise ValueError("more came than its Content-Length says")
        self._missing = missing - len(data)
        if self._whole_body is None and (self._pieces or not self._missing or missing > _MOST_ROOM_BYTES):
            if data:
                self._pieces.append(data)
        else:
            if self._whole_body is None:
                self._whole_body = bytearray(missing)
            start = len(self._whole_body) - missing
            self._whole_body[start : start + len(data)] = data
        return self._missing == 0

    def _feed_chunks(self, data: bytes) -> bool:
        """Whether the body is whole."""
        buffer = self._buffer
        buffer += data
        while True:
            if self._missing:
                piece = bytes(buffer[: self._missing])
                del buffer[: len(piece)]
                self._pieces.append(piece)
                self._missing -= len(piece)
                if self._missing:
                    return False
                self._after_chunk = True
            end = buffer.find(b"\r\n")
            if end < 0 or (self._after_chunk and end):
                if len(buffer) > (1 if self._after_chunk else _MOST_HEAD_BYTES):
                    raise ValueError("a chunk, or its size, has no end")
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._after_chunk:
                self._after_chunk = False
            elif self._trailer:
                if not line:
                    if buffer:
                        raise ValueError("more came after its last chunk")
                    return True
            else:
                size = line.partition(b";")[0].strip()
                if not _HEXADECIMAL.fullmatch(size):
                    raise ValueError(f"a chunk's size is {size[:40]!r}")
                self._missing = int(size, 16)
                self._trailer = self._missing == 0

    def _whole(self, answer: Answer) -> Answer:
        if self._whole_body is not None:
            answer.body = self._whole_body
        else:
            answer.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return answer

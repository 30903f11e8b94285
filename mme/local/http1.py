"""HTTP/1.1 to one local server, as cheap as Python can: connections are kept, answers are read whole.

A general client spends more time on a tiny call than Triton does. This one knows what a container's answers
look like: a status, headers, and a body by Content-Length, in chunks, or until the connection ends.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

_CONNECT_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 60.0
"""A connection that was idle for longer may have been closed by the server this very moment."""
_MOST_HEAD_BYTES: Final = 64 * 1024
_TOGETHER_BYTES: Final = 64 * 1024
"""Up to this size head and body are sent as one piece: copying costs less than a system call."""


class AnswerLostError(Exception):
    """The connection ended before the answer did, or what came is no HTTP."""


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
    body: bytes = b""


class Http1Client:
    """Requests to one host and port; each has a connection of its own while it lasts.

    Args:
        host: an address; nothing is looked up.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether no more requests can be sent."""
        return self._closed

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float | None = None,
    ) -> Answer:
        """Send one request and read its answer. Cancelling it ends the connection.

        Args:
            method: in capitals.
            path: with its query, escaped.
            headers: beside Host and Content-Length.
            body: may be empty.
            seconds: most time for it; None for no end.

        Raises:
            AnswerLostError: the connection ended first.
            OSError: there is no connection.
            TimeoutError: the answer was not there in time.
            ValueError: a header that would break out of its line.
        """
        head = self._head(method, path, headers, body)
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        connection = self._kept() or await self._connect(deadline)
        # A timer of the loop's own: asyncio.timeout costs a tiny request ten times as much.
        timer = None if deadline is None else loop.call_at(deadline, connection.too_late)
        try:
            answer = await connection.ask(head, body)
        except BaseException:
            connection.end()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if connection.reusable and not self._closed:
            connection.idle_since = loop.time()
            self._idle.append(connection)
        else:
            connection.end()
        return answer

    def close(self) -> None:
        """End every connection; requests under way end with AnswerLostError."""
        self._closed = True
        for connection in list(self._all):
            connection.end()
        self._idle.clear()

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ValueError("a header holds a line end")
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def _kept(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since > oldest:
                return connection
            connection.end()
        return None

    async def _connect(self, deadline: float | None) -> _Connection:
        if self._closed:
            raise AnswerLostError("the client is closed")
        loop = asyncio.get_running_loop()
        latest = loop.time() + _CONNECT_SECONDS
        try:
            async with asyncio.timeout_at(latest if deadline is None else min(latest, deadline)):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._all), self._host, self._port
                )
        except TimeoutError:
            if deadline is not None and deadline < latest:
                raise
            raise AnswerLostError(f"no connection within {_CONNECT_SECONDS:g} s") from None
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time.

    Args:
        all: where it is while it is open.
    """

    def __init__(self, all: set[_Connection]) -> None:
        self._all = all
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._reader = _Reader()
        self._keeps = True
        self.idle_since = 0.0

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        transport = self._transport
        return (
            self._keeps
            and transport is not None
            and not transport.is_closing()
            # An answer may come before the whole request is out, and then the next one can't begin.
            and transport.get_write_buffer_size() == 0
        )

    async def ask(self, head: bytes, body: bytes) -> Answer:
        transport = self._transport
        if transport is None:
            raise AnswerLostError("the connection is closed")
        self._reader = _Reader()
        self._waiter = asyncio.get_running_loop().create_future()
        if len(body) <= _TOGETHER_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def too_late(self) -> None:
        """Have the request under way end with TimeoutError."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(TimeoutError())

    def end(self) -> None:
        """Close it at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.end()  # nobody asked for it
            return
        try:
            answer = self._reader.feed(data)
        except ValueError as error:
            self._keeps = False
            waiter.set_exception(AnswerLostError(f"this is no HTTP answer: {error}"))
            return
        if answer is not None:
            self._keeps = self._reader.keeps
            waiter.set_result(answer)

    def eof_received(self) -> bool:
        return False  # close

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._all.discard(self)
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        answer = self._reader.ended() if error is None else None
        if answer is not None:
            waiter.set_result(answer)
        else:
            waiter.set_exception(AnswerLostError(str(error or "the server closed the connection")))


class _Reader:
    """Takes an answer apart as it comes."""

    def __init__(self) -> None:
        self.keeps = True
        self._buffer = b""
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self._missing: int | None = None  # of the body or of a chunk; None: until the end
        self._chunked = False
        self._trailer = False

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once it is whole. ValueError where it is none."""
        while self._answer is None:
            self._buffer += data
            data = b""
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                if len(self._buffer) > _MOST_HEAD_BYTES:
                    raise ValueError("its head has no end")
                return None
            self._buffer, data = b"", rest
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
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(f"it begins with {first[:40]!r}")
        status = int(rest[:3])
        if 100 <= status < 200:
            return  # an interim answer; the real one follows
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self._answer = Answer(status, headers)
        connection = headers.get("connection", "").lower()
        self.keeps = "close" not in connection and (version != "HTTP/1.0" or "keep-alive" in connection)
        if status in (204, 304):
            self._missing = 0
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunked = True
        elif "content-length" in headers:
            self._missing = int(headers["content-length"])
        else:
            self.keeps = False

    def _feed_plain(self, data: bytes) -> bool:
        """Whether the body is whole."""
        if data:
            self._pieces.append(data)
        if self._missing is None:
            return False
        self._missing -= len(data)
        if self._missing < 0:
            raise ValueError("more came than its Content-Length says")
        return self._missing == 0

    def _feed_chunks(self, data: bytes) -> bool:
        """Whether the body is whole."""
        self._buffer += data
        while True:
            if self._missing:
                # A chunk and the line end after it.
                if len(self._buffer) < self._missing + 2:
                    return False
                self._pieces.append(self._buffer[: self._missing])
                self._buffer = self._buffer[self._missing + 2 :]
                self._missing = None
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                if len(line) > _MOST_HEAD_BYTES:
                    raise ValueError("a chunk's size has no end")
                return False
            self._buffer = rest
            if self._trailer:
                if not line:
                    return True
                continue
            self._missing = int(line.partition(b";")[0], 16)
            if self._missing < 0:
                raise ValueError("a chunk's size is negative")
            self._trailer = self._missing == 0

    def _whole(self, answer: Answer) -> Answer:
        answer.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return answer

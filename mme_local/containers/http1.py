"""HTTP/1.1 to one local server, as cheap as Python can: connections are kept, answers are read whole.

A general client spends more time on a tiny call than Triton does. This one knows what a container's answers
look like: a status, headers, and a body by Content-Length, in chunks, or until the connection ends.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final, cast

from mme_local.containers.http1_answer import Answer, AnswerReader
from mme_local.containers.pieces import Body, send

_CONNECT_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 60.0
"""A connection that was idle for longer may have been closed by the server this very moment."""
_HEAD_BYTES: Final = 8 * 1024
"""At once, until an answer's head is there: what comes with it of a large body is copied to its place."""
_READ_BYTES: Final = 64 * 1024
"""At once, of a body of which it is not known how long it is."""
_TRY_SECONDS: Final = 0.05
"""For the answer to a tiny request."""
_TRIES: Final = 3
"""Connections that are tried before one is taken as it is."""


class AnswerLostError(Exception):
    """The connection ended before the answer did, or what came is no HTTP."""


class Http1Client:
    """Requests to one host and port; each has a connection of its own while it lasts.

    Args:
        host: an address; nothing is looked up.
        port: of the server.
        tiny: what the server answers at once, to try connections with.
        late: seconds after which an answer is the last one on its connection; None for no end.
    """

    def __init__(self, host: str, port: int, tiny: str = "/ping", late: float | None = None) -> None:
        self._host = host
        self._port = port
        self._late = late
        self._tiny = self._head("GET", tiny, {}, b"")
        self._idle: deque[_Connection] = deque()  # the one that was used last is the last
        self._all: set[_Connection] = set()
        self._closed = False

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        seconds: float | None = None,
        *,
        tried: bool = False,
        turn: asyncio.Lock | None = None,
    ) -> Answer:
        """Send one request and read its answer. Cancelling it ends the connection.

        Args:
            method: in capitals.
            path: with its query, escaped.
            headers: beside Host and Content-Length.
            body: may be empty.
            seconds: most time for it; None for no end.
            tried: take a connection that answers a tiny request first.
            turn: held until the request is sent.

        Raises:
            AnswerLostError: the connection ended first.
            OSError: there is no connection.
            TimeoutError: the answer was not there in time.
            ValueError: a header that would break out of its line.
        """
        head = self._head(method, path, headers, body)
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        if turn is None:
            connection = await (self._tried(deadline) if tried else self._next(deadline))
            answer = connection.send(head, body)
        else:
            async with asyncio.timeout_at(deadline), turn:
                connection = await (self._tried(deadline) if tried else self._next(deadline))
                answer = connection.send(head, body)
        sent = loop.time()
        whole = await _whole(connection, answer, deadline)
        now = loop.time()
        late = self._late is not None and now - sent > self._late
        if connection.reusable and not late and not self._closed:
            connection.idle_since = now
            self._idle.append(connection)
            self._end_old()
        else:
            connection.end()
        return whole

    def close(self) -> None:
        """End every connection; requests under way end with AnswerLostError."""
        self._closed = True
        for connection in list(self._all):
            connection.end()
        self._idle.clear()

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: Body) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ValueError("a header holds a line end")
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    async def _next(self, deadline: float | None) -> _Connection:
        return self._kept() or await self._connect(deadline)

    async def _tried(self, deadline: float | None) -> _Connection:
        """A connection that the server looks at now. What it does not look at is not used again."""
        loop = asyncio.get_running_loop()
        for _ in range(_TRIES):
            connection = await self._next(deadline)
            try:
                await _whole(connection, connection.send(self._tiny, b""), loop.time() + _TRY_SECONDS)
            except (AnswerLostError, TimeoutError):
                continue
            if connection.reusable:
                return connection
            connection.end()
        return await self._next(deadline)

    def _kept(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since > oldest:
                return connection
            connection.end()
        return None

    def _end_old(self) -> None:
        """End those that a time of many requests has left."""
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle[0].idle_since <= oldest:
            self._idle.popleft().end()

    async def _connect(self, deadline: float | None) -> _Connection:
        if self._closed:
            raise AnswerLostError("the client is closed")
        loop = asyncio.get_running_loop()
        latest = loop.time() + _CONNECT_SECONDS
        connection = _Connection(self._all)
        try:
            async with asyncio.timeout_at(latest if deadline is None else min(latest, deadline)):
                await loop.create_connection(lambda: connection, self._host, self._port)
        except BaseException as error:
            connection.end()
            # uvloop tells nothing to one that it made and gave to nobody.
            self._all.discard(connection)
            if not isinstance(error, TimeoutError) or (deadline is not None and deadline < latest):
                raise
            raise AnswerLostError(f"no connection within {_CONNECT_SECONDS:g} s") from None
        return connection


async def _whole(connection: _Connection, answer: asyncio.Future[Answer], deadline: float | None) -> Answer:
    """The answer, at most until a time of the loop; where it does not come, the connection ends."""
    # A timer of the loop's own: asyncio.timeout costs a tiny request ten times as much.
    timer = None if deadline is None else answer.get_loop().call_at(deadline, connection.too_late)
    try:
        return await answer
    except BaseException:
        connection.end()
        raise
    finally:
        if timer is not None:
            timer.cancel()


class _Connection(asyncio.BufferedProtocol):
    """One request at a time.

    Args:
        all: where it is while it is open.
    """

    def __init__(self, all: set[_Connection]) -> None:
        self._all = all
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._reader = AnswerReader()
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._into_body = False
        self._keeps = True
        self._ended = False
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

    def send(self, head: bytes, body: Body) -> asyncio.Future[Answer]:
        """Send one request; what is returned gets its answer, or AnswerLostError."""
        self._reader = AnswerReader()
        self._waiter = answer = asyncio.get_running_loop().create_future()
        if self._transport is None:
            answer.set_exception(AnswerLostError("the connection is closed"))
        else:
            send(self._transport, head, body)
        return answer

    def too_late(self) -> None:
        """Have the request under way end with TimeoutError."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(TimeoutError())

    def end(self) -> None:
        """Close it at once, whatever is under way."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._all.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where the next bytes go: of a body whose length is known, right to their place."""
        room = self._reader.room
        self._into_body = room is not None
        if room is not None:
            return room
        return self._buffer if self._reader.begun else self._buffer[:_HEAD_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.end()  # nobody asked for it
            return
        try:
            answer = (
                self._reader.filled(nbytes)
                if self._into_body
                else self._reader.feed(bytes(self._buffer[:nbytes]))
            )
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
        # A body until the end is whole where the server ended it, not where we did.
        answer = self._reader.ended() if error is None and not self._ended else None
        if answer is not None:
            waiter.set_result(answer)
        else:
            waiter.set_exception(AnswerLostError(str(error or "the server closed the connection")))

"""A pool of HTTP/1.1 connections to one serving container, parsed by httptools.

aiohttp's client takes longer for a tiny request than Triton does, and can't choose connections as this pool
must: Triton has a few server threads, assigns each connection to one of them for good, and blocks that thread
while it loads or unloads a model (observed in 2.51). The thread's other connections wait too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from weakref import WeakSet

import httptools

_HOST: Final = "127.0.0.1"
_CONNECT_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 60.0
"""The server may be closing a connection that was idle for longer."""
_MAX_IDLE: Final = 64
_SINGLE_WRITE_BYTES: Final = 64 * 1024
"""Up to this size, copying head and body together costs less than a second system call."""
_PROBE_SECONDS: Final = 0.05
_PROBES: Final = 3


class ConnectionLostError(Exception):
    """The connection ended before the response did, or the response is not HTTP."""


@dataclass(slots=True)
class HttpResponse:
    """One response.

    Attributes:
        status: HTTP status.
        headers: Lower-case name to value; the last one of a repeated name.
        body: The whole body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class HttpPool:
    """Sends requests to one server of this machine; each has a connection to itself while it runs.

    While a blocking request (a load or an unload) runs, a connection is used only if it answers a ping: its
    server thread is free then. Connections that don't answer are closed.

    Args:
        address: A port of 127.0.0.1, or the path of a Unix socket.
    """

    def __init__(self, address: int | str) -> None:
        self._address = address
        self._ping = self._head("GET", "/ping", {}, b"")
        self._open: WeakSet[_Connection] = WeakSet()
        self._idle: list[_Connection] = []  # the most recently used one is the last
        self._blocking = 0
        # Blocking requests are sent one by one: a blocked thread may have taken the next connection too.
        self._sending = asyncio.Lock()
        self._closed = False

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        seconds: float | None = None,
        blocking: bool = False,
    ) -> HttpResponse:
        """Send one request and return its response. Cancelling it closes the connection.

        Args:
            method: Upper case.
            path: Escaped, with its query.
            headers: Added to Host and Content-Length.
            body: The payload.
            seconds: Time limit, waiting for a connection included; None for none.
            blocking: The server may block a thread until it answers.

        Raises:
            ConnectionLostError: The connection ended first, or the response is not HTTP.
            OSError: The server accepts no connection.
            TimeoutError: No response within ``seconds``.
            ValueError: A header holds a line end.
        """
        head = self._head(method, path, headers, body)
        async with asyncio.timeout(seconds):
            if not blocking:
                connection = await self._acquire()
                return await self._response(connection, connection.send(head, body))
            self._blocking += 1
            try:
                async with self._sending:
                    connection = await self._acquire()
                    waiter = connection.send(head, body)
                return await self._response(connection, waiter)
            finally:
                self._blocking -= 1

    def close(self) -> None:
        """Close every connection; requests in flight end with ConnectionLostError."""
        self._closed = True
        for connection in list(self._open):
            connection.abort("the pool is closed")
        self._idle.clear()

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {_HOST}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ValueError("a header holds a line end")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    async def _response(self, connection: _Connection, waiter: asyncio.Future[HttpResponse]) -> HttpResponse:
        """Wait for the response, then put the connection back."""
        try:
            response = await waiter
        except BaseException:
            connection.abort("the request was abandoned")
            raise
        if connection.reusable and not self._closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            if len(self._idle) > _MAX_IDLE:
                self._idle.pop(0).abort("too many connections are idle")
        else:
            connection.abort("the connection is not reusable")
        return response

    async def _acquire(self) -> _Connection:
        connection = self._reuse() or await self._connect()
        for _ in range(_PROBES):
            if not self._blocking or await self._answers(connection):
                break
            connection = self._reuse() or await self._connect()
        return connection

    async def _answers(self, connection: _Connection) -> bool:
        """Whether the server answers a ping on this connection now; it is closed otherwise."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await connection.send(self._ping, b"")
        except (ConnectionLostError, TimeoutError):
            pass
        except BaseException:
            connection.abort("the request was abandoned")
            raise
        else:
            if connection.reusable:
                return True
        connection.abort("it did not answer a ping")
        return False

    def _reuse(self) -> _Connection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since > oldest:
                return connection
            connection.abort("it was idle")
        return None

    async def _connect(self) -> _Connection:
        if self._closed:
            raise ConnectionLostError("the pool is closed")
        connection = _Connection()
        self._open.add(connection)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS) as limit:
                if isinstance(self._address, int):
                    await loop.create_connection(lambda: connection, _HOST, self._address)
                else:
                    await loop.create_unix_connection(lambda: connection, self._address)
        except BaseException as error:
            connection.abort("the request was abandoned")
            if isinstance(error, TimeoutError) and limit.expired():
                raise ConnectionLostError(f"no connection within {_CONNECT_SECONDS:g} s") from None
            raise
        if self._closed:
            connection.abort("the pool is closed")
            raise ConnectionLostError("the pool is closed")
        return connection


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Connection(asyncio.Protocol):
    """One request at a time: an asyncio protocol whose bytes httptools parses."""

    idle_since: float = 0.0
    _transport: asyncio.Transport | None = None
    _waiter: asyncio.Future[HttpResponse] | None = None
    _parser: httptools.HttpResponseParser | None = None
    _headers: dict[str, str] = field(default_factory=dict)
    _pieces: list[bytes] = field(default_factory=list)
    _until_eof: bool = False
    _keep_alive: bool = True

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        transport = self._transport
        return (
            self._keep_alive
            and transport is not None
            and not transport.is_closing()
            # The server may respond before it has read the whole request.
            and transport.get_write_buffer_size() == 0
        )

    def send(self, head: bytes, body: bytes) -> asyncio.Future[HttpResponse]:
        """Send one request; the future gets its response, or ConnectionLostError."""
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        if self._transport is None:
            waiter.set_exception(ConnectionLostError("the connection is closed"))
            return waiter
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._pieces, self._until_eof = {}, [], False
        if len(body) <= _SINGLE_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return waiter

    def abort(self, reason: str) -> None:
        """Close it at once; a request in flight ends with ConnectionLostError."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionLostError(reason))
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._waiter is None or self._waiter.done():
            self.abort("the server sent what was not requested")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.abort(f"the response is not HTTP: {error or type(error).__name__}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        self._until_eof = not self._headers.keys() & {"content-length", "transfer-encoding"}

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._parser is None or self._waiter is None or self._waiter.done():
            return
        status = self._parser.get_status_code()
        if status < 200:  # an interim response; the final one follows
            self._headers.clear()
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._waiter.set_result(HttpResponse(status, self._headers, b"".join(self._pieces)))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if error is None and self._until_eof:
            self.on_message_complete()
        self.abort(str(error or "the server closed the connection"))

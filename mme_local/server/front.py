"""What every connection meets first: it answers plain invocations, and leaves all else to a whole server.

A general HTTP server takes half of the time that a tiny invocation costs the runtime, and copies a large
body twice. The front reads a body right to its place, and knows no more of HTTP than boto3 sends.

Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

from mme_local.containers.pieces import send
from mme_local.server.http1_request import InvocationHead, plain_invocation
from mme_local.server.http_answer import HttpAnswer
from mme_local.server.invoke_endpoint import InvokeEndpoint

_READ_BYTES: Final = 8 * 1024
"""At once, until it is known how long a body is: what is read of a large one is copied to its place."""
_AHEAD_BYTES: Final = 64 * 1024
"""Of later requests, before the kernel has to hold the rest back."""
_IDLE_SECONDS: Final = 3600.0
_SWEEP_SECONDS: Final = 60.0
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Front:
    """Makes the protocol of every connection.

    Args:
        invoke_endpoint: answers plain invocations.
        otherwise: makes the protocol that takes over a connection at its first other request, and keeps it.
    """

    def __init__(self, invoke_endpoint: InvokeEndpoint, otherwise: Callable[[], asyncio.Protocol]) -> None:
        self.invoke_endpoint = invoke_endpoint
        self.otherwise = otherwise
        # One for all: what is read is taken from it before anything else is read.
        self.buffer: Final = bytearray(_READ_BYTES)
        self.connections: Final[set[_Connection]] = set()
        self.answers: Final[set[asyncio.Task[None]]] = set()
        self.closed = False
        self._date = (0, "")
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def __call__(self) -> asyncio.BufferedProtocol:
        """The protocol of one more connection."""
        return _Connection(self)

    async def close(self, seconds: float) -> None:
        """End every connection that waits for a request; those that wait for an answer get some time.

        Args:
            seconds: most time for them.
        """
        self.closed = True
        self._sweeper.cancel()
        for one in list(self.connections):
            one.last()
        if self.answers:
            _, late = await asyncio.wait(self.answers, timeout=seconds)
            for answer in late:
                answer.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def date(self) -> str:
        """Of now, as a header has it."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
        oldest = loop.time() - _IDLE_SECONDS
        for one in list(self.connections):
            one.end_if_idle_since(oldest)


class _Connection(asyncio.BufferedProtocol):
    """One request after the other, each answered before the next is looked at.

    Args:
        front: whose it is.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._came = b""  # and is not taken yet, behind a request that is being answered
        self._head: InvocationHead | None = None
        self._body = bytearray()
        self._missing = 0
        self._answer: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self._paused = False
        self._last = False
        self._idle_since = self._loop.time()

    def last(self) -> None:
        """Have no request after the one that is being answered."""
        self._last = True
        if self._answer is None and self._transport is not None:
            self._transport.close()

    def end_if_idle_since(self, oldest: float) -> None:
        """End it where it has waited for a request since."""
        waits = self._answer is None and not self._missing
        if waits and self._idle_since < oldest and self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._front.connections.add(self)
        if self._front.closed:
            self.last()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where the next bytes go: of a body right to their place."""
        return memoryview(self._body)[-self._missing :] if self._missing else memoryview(self._front.buffer)

    def buffer_updated(self, nbytes: int) -> None:
        if self._missing:
            self._missing -= nbytes
            if not self._missing and self._head is not None:
                self._begin(self._head, self._body)
            return
        came = bytes(memoryview(self._front.buffer)[:nbytes])
        self._came = self._came + came if self._came else came
        if self._answer is None:
            self._take()
        elif len(self._came) > _AHEAD_BYTES and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _take(self) -> None:
        """Begin with what came: a whole head, from all who send it in one piece."""
        came = self._came
        end = came.find(b"\r\n\r\n") + 4
        head = plain_invocation(came[:end])
        if head is None or head.length > self._front.invoke_endpoint.payload_bytes:
            self._hand_over()
            return
        whole = end + head.length
        if len(came) >= whole:
            self._came = came[whole:]
            self._begin(head, came[end:whole])
            return
        self._came = b""
        self._head = head
        self._body = bytearray(head.length)
        self._body[: len(came) - end] = memoryview(came)[end:]
        self._missing = whole - len(came)

    def _hand_over(self) -> None:
        transport, self._transport = self._transport, None
        came, self._came = self._came, b""
        if transport is None:
            return
        self._front.connections.discard(self)
        protocol = self._front.otherwise()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        transport.resume_reading()
        protocol.data_received(came)

    def _begin(self, head: InvocationHead, body: bytes | bytearray) -> None:
        self._head, self._body = None, bytearray()
        self._answer = answer = self._loop.create_task(self._answered(head, body))
        self._front.answers.add(answer)
        answer.add_done_callback(self._front.answers.discard)

    async def _answered(self, head: InvocationHead, body: bytes | bytearray) -> None:
        """Send the answer, also to a caller that left: what it asked for is done all the same."""
        try:
            answer = await self._front.invoke_endpoint.answer(head.endpoint, head.path, head.headers, body)
            if self._transport is not None and not self._transport.is_closing():
                self._send(self._transport, answer)
                if (drained := self._drained) is not None:
                    await drained.wait()
        except BaseException:
            if self._transport is not None:
                self._transport.abort()
            raise
        self._answer = None
        self._next()

    def _send(self, transport: asyncio.Transport, answer: HttpAnswer) -> None:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Content-Length: {len(answer.body)}", f"Date: {self._front.date()}"]
        if self._last:
            lines.append("Connection: close")
        send(transport, ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"), answer.body)

    def _next(self) -> None:
        """Look at what came meanwhile, and for what comes."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._last:
            transport.close()
            return
        self._idle_since = self._loop.time()
        if self._came:
            self._take()
        if self._paused and self._transport is not None and len(self._came) <= _AHEAD_BYTES:
            self._paused = False
            transport.resume_reading()

    def pause_writing(self) -> None:
        """The caller does not read: no other request of it begins until it does."""
        self._drained = asyncio.Event()

    def resume_writing(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def eof_received(self) -> bool:
        return False  # close

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._transport = None
        self._front.connections.discard(self)
        self.resume_writing()

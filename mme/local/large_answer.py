"""The body of a large answer, sent as it lies."""

from __future__ import annotations

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter

_LARGE_BYTES = 64 * 1024


class LargeAnswer(Payload):
    """A body that is written beside its head: aiohttp would copy both into one, below Python 3.12.9.

    Args:
        body: the whole of it.
    """

    _autoclose = True

    def __init__(self, body: bytes | bytearray) -> None:
        super().__init__(body)
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """See `aiohttp.Payload`."""
        text: str = self._value.decode(encoding, errors)
        return text

    async def write(self, writer: AbstractStreamWriter) -> None:
        """See `aiohttp.Payload`."""
        writer.send_headers()
        await writer.write(self._value)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        """See `aiohttp.Payload`; the length is the body's own."""
        await self.write(writer)


def answer_body(body: bytes | bytearray) -> bytes | bytearray | LargeAnswer:
    """What to give to an aiohttp response."""
    return body if len(body) <= _LARGE_BYTES else LargeAnswer(body)

"""A large body in the pieces in which it came: joining them would copy it once more."""

from __future__ import annotations

import asyncio
from typing import Final

_TOGETHER_BYTES: Final = 64 * 1024
"""Up to this size head and body are sent as one piece: copying costs less than a system call."""


class Pieces:
    """Bytes that do not lie together.

    Args:
        pieces: in their order.
    """

    __slots__ = ("_size", "pieces")

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self._size = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


Body = bytes | bytearray | Pieces
"""The body of a request or of an answer; only that of `Pieces` does not lie together."""


def send(transport: asyncio.Transport, head: bytes, body: Body) -> None:
    """Send a head and what belongs to it.

    Args:
        transport: of the connection.
        head: with the empty line that ends it.
        body: may be empty; not to be changed from now on.
    """
    if len(body) <= _TOGETHER_BYTES:
        transport.write(head + (bytes(body) if isinstance(body, Pieces) else body))
    else:
        # Not writelines: early releases of Python 3.12 and 3.13 do not pause the protocol then.
        for piece in (head, *(body.pieces if isinstance(body, Pieces) else (body,))):
            transport.write(piece)

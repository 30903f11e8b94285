"""A large body in the pieces in which it came: joining them would copy it once more."""

from __future__ import annotations


class Pieces:
    """Bytes that do not lie together.

    Args:
        pieces: in their order; empty ones are left out.
    """

    __slots__ = ("_size", "pieces")

    def __init__(self, pieces: list[bytes]) -> None:
        # asyncio's own loop, of Python 3.12 and 3.13, never gets done with writing an empty one
        self.pieces = [piece for piece in pieces if piece]
        self._size = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


Body = bytes | Pieces
"""A request's body; ``bytes`` of it lies together."""

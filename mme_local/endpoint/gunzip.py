"""A gzip stream, decompressed as it arrives, never further than a limit and never without its end."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import cast

from isal import isal_zlib

_MOST_AT_ONCE = 1024 * 1024
_DAMAGED = cast(type[Exception], isal_zlib.IsalError)  # its stub calls the class an instance
_GZIP = 31  # wbits of zlib: a gzip header and its checksum


class GunzipError(Exception):
    """The stream is no gzip, is damaged, or ends too early."""


class TooMuchError(Exception):
    """The stream holds more than the limit."""


class AbandonedError(Exception):
    """Nobody wants the rest any more."""


class Gunzip:
    """A readable file over a gzip stream given in pieces: what tarfile's stream mode asks for.

    Several gzip members one after another are one stream (RFC 1952, 2.2); zero bytes after the last
    are padding.

    Args:
        pieces: the compressed bytes.
        most_bytes: decompressed bytes after which it is too much.
        abandoned: set from another thread to end the reading.
    """

    def __init__(
        self, pieces: Iterable[bytes], most_bytes: int, abandoned: threading.Event | None = None
    ) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._room = most_bytes
        self._abandoned = abandoned
        self._member = isal_zlib.decompressobj(wbits=_GZIP)
        self._compressed = b""
        self._ready = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end.

        Raises:
            GunzipError, TooMuchError, AbandonedError: see there.
        """
        while len(self._ready) < size and not self._ended:
            self._more()
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given

    def finish(self) -> None:
        """Read to the end, so that a missing end or a wrong checksum is found.

        Raises:
            GunzipError, TooMuchError, AbandonedError: see there.
        """
        while self.read(_MOST_AT_ONCE):
            pass

    def _more(self) -> None:
        if not self._compressed:
            piece = self._piece()
            if piece is None:
                raise GunzipError("it ends too early")
            self._compressed = piece
        try:
            content = self._member.decompress(self._compressed, _MOST_AT_ONCE)
        except _DAMAGED as error:
            raise GunzipError(str(error)) from None
        self._compressed = self._member.unconsumed_tail
        if len(content) > self._room:
            raise TooMuchError
        self._room -= len(content)
        self._ready += content
        if self._member.eof:
            self._next_member(self._member.unused_data)

    def _next_member(self, rest: bytes) -> None:
        while not (rest := rest.lstrip(b"\0")):
            piece = self._piece()
            if piece is None:
                self._ended = True
                return
            rest = piece
        self._compressed = rest
        self._member = isal_zlib.decompressobj(wbits=_GZIP)

    def _piece(self) -> bytes | None:
        if self._abandoned is not None and self._abandoned.is_set():
            raise AbandonedError
        return next(self._pieces, None)

"""A tar's members, one after the other, straight from a stream.

Not `tarfile`: that believes the sizes of extended headers, hides names as they are written, and stops at the
first end mark.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.finding_codes import found
from mme.archives.gzip_stream import GzipStream, StoppedError, looks_like

BLOCK: Final = tarfile.BLOCKSIZE
_LARGEST_HEADER: Final = 1024 * 1024
_REGULAR: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE)
_MEND: Final = "pack it again, with mme models add or GNU tar"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member as it is written in the tar.

    Attributes:
        name: with its slashes; bytes that are not UTF-8 are surrogates.
        kind: tar's type flag.
        size: bytes that its content takes in the tar.
        unpacked_size: bytes on disk; differs for sparse files only.
        link: where a link points to.
        executable: its owner may run it.
    """

    name: str
    kind: bytes
    size: int
    unpacked_size: int
    link: str
    executable: bool

    @property
    def is_directory(self) -> bool:
        """By its type, or as old tars do it by a trailing slash."""
        old = self.kind in (tarfile.REGTYPE, tarfile.AREGTYPE) and self.name.endswith("/")
        return self.kind == tarfile.DIRTYPE or old

    @property
    def is_file(self) -> bool:
        """A regular file, sparse ones among them."""
        return self.kind in _REGULAR and not self.is_directory


class TarStream:
    """Iterates over members; between two steps the member's content can be read.

    Args:
        stream: the uncompressed tar.
    """

    def __init__(self, stream: GzipStream) -> None:
        self._stream = stream
        self._left = 0
        self._padding = 0
        self._current = ""
        self.ended = False
        """Whether the mark was there that ends a tar."""
        self.bytes_after_end = 0
        """Other than zeros."""

    def __iter__(self) -> Iterator[TarEntry]:
        """All members.

        Raises:
            StoppedError: the tar is cut off or damaged.
        """
        first = True
        extended: dict[str, str] = {}
        while True:
            self._finish_content()
            block = self._stream.read(BLOCK)
            if not block or not any(block):
                self.ended = bool(block)
                self._drain()
                return
            header = self._header(block, first=first)
            first = False
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
                records = _pax_records(self._extended(header))
                if header.type != tarfile.XGLTYPE:
                    extended |= records
                continue
            if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                key = "path" if header.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
                extended[key] = _text(self._extended(header).partition(b"\x00")[0])
                continue
            entry = self._entry(header, block, extended)
            extended = {}
            self._begin(entry)
            yield entry

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of the current member's content.

        Raises:
            StoppedError: the tar ends before.
        """
        size = min(size, self._left)
        block = self._stream.read(size)
        self._left -= len(block)
        if len(block) < size:
            raise self._cut_off()
        return block

    def _begin(self, entry: TarEntry) -> None:
        self._current = entry.name
        self._left = entry.size
        self._padding = -entry.size % BLOCK

    def _finish_content(self) -> None:
        if self._stream.skip(self._left) < self._left:
            raise self._cut_off()
        self._stream.skip(self._padding)
        self._left = self._padding = 0

    def _cut_off(self, place: str = "in the middle of") -> StoppedError:
        return StoppedError(
            found(
                "tar-truncated",
                f"the tar ends {place} {printable(self._current)}",
                "the program that packed it was stopped: pack it again",
            )
        )

    def _header(self, block: bytes, *, first: bool) -> tarfile.TarInfo:
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError):
            if first:
                what = looks_like(block)
                inside = f"what is inside is {what}" if what else "what is inside is no tar"
                raise StoppedError(
                    found("not-a-tar", f"it is gzip, but {inside}", "pack the model's directory as a tar.gz")
                ) from None
            if len(block) < BLOCK:
                raise self._cut_off("in a header after") from None
            raise self._damaged() from None
        if header.size < 0:
            raise self._damaged()
        return header

    def _damaged(self) -> StoppedError:
        after = f" after {printable(self._current)}" if self._current else ""
        return StoppedError(
            found("tar-damaged", f"the tar is damaged{after}: a header makes no sense", _MEND)
        )

    def _extended(self, header: tarfile.TarInfo) -> bytes:
        if header.size > _LARGEST_HEADER:
            raise StoppedError(
                found(
                    "header-too-large",
                    f"an extended header claims to have {header.size} bytes; names are shorter",
                    _MEND,
                )
            )
        content = self._stream.read(header.size)
        if len(content) < header.size:
            raise self._cut_off()
        self._stream.skip(-header.size % BLOCK)
        return content

    def _entry(self, header: tarfile.TarInfo, block: bytes, extended: dict[str, str]) -> TarEntry:
        name = extended.get("GNU.sparse.name") or extended.get("path")
        size = header.size
        if extended.get("size", "").isdecimal():
            size = int(extended["size"][:20])
        unpacked = size
        if extended.get("GNU.sparse.realsize", extended.get("GNU.sparse.size", "")).isdecimal():
            unpacked = int(extended.get("GNU.sparse.realsize") or extended["GNU.sparse.size"])
        if header.type == tarfile.GNUTYPE_SPARSE:
            unpacked = self._old_sparse(block)
        elif header.type not in _REGULAR:
            # Links and directories have no content, whatever their size field says.
            size = unpacked = 0 if header.type in tarfile.SUPPORTED_TYPES else size
        return TarEntry(
            name=_header_name(block) if name is None else name,
            kind=header.type,
            size=size,
            unpacked_size=unpacked,
            link=extended.get("linkpath", header.linkname),
            executable=bool(header.mode & 0o100),
        )

    def _old_sparse(self, block: bytes) -> int:
        """GNU's old form: the map of a sparse file may go on in blocks of its own."""
        more = block[482]
        while more:
            extra = self._stream.read(BLOCK)
            if len(extra) < BLOCK:
                raise self._cut_off()
            more = extra[504]
        digits = block[483:495].strip(b"\x00 ")
        if digits[:1] == b"\x80":  # too large for octal digits
            return int.from_bytes(block[484:495])
        if digits.strip(b"01234567"):
            raise self._damaged()
        return int(digits or b"0", 8)

    def _drain(self) -> None:
        while block := self._stream.read(BLOCK * 64):
            self.bytes_after_end += len(block) if any(block) else 0


def printable(name: str) -> str:
    """A member's name for a message: what can't be printed is escaped."""
    shown = name.encode("utf-8", "backslashreplace").decode()
    if shown == name and name.isprintable() and name:
        return name
    return repr(shown)


def _header_name(block: bytes) -> str:
    name = _text(block[:100].partition(b"\x00")[0])
    # GNU's magic ends in blanks, and it keeps other things where POSIX has the prefix.
    if block[257:263] == b"ustar\x00":
        prefix = _text(block[345:500].partition(b"\x00")[0])
        return f"{prefix}/{name}" if prefix else name
    return name


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _pax_records(content: bytes) -> dict[str, str]:
    """Records are `LENGTH KEY=VALUE` and a line break; the length counts itself."""
    records = {}
    rest = content.rstrip(b"\x00")
    while rest:
        digits, blank, _ = rest[:24].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = rest[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if not (blank and equals and record.endswith(b"\n")):
            raise StoppedError(found("pax-damaged", "a pax header of the tar is damaged", _MEND))
        records[_text(key)] = _text(value[:-1])
        rest = rest[length:]
    return records

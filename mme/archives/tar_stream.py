"""A tar's members, read one after the other from a stream, whatever they claim.

`tarfile` is used to decode one header block only: it believes the sizes of extended headers and of sparse
files' maps, changes names, and stops at the first end mark.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.errors import UnreadableArchiveError
from mme.archives.file_kind import file_kind
from mme.archives.gzip_stream import GzipStream, Limits
from mme.findings import Finding

BLOCK: Final = tarfile.BLOCKSIZE
_MAX_NUMBER_CHARS: Final = 19
_PAX_TYPES: Final = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_OF_ONE_MEMBER: Final = {"path", "linkpath", "size"}
_LONG_NAMES: Final = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_REGULAR: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE)
_PACK_AGAIN: Final = "pack it again, with mme models add or GNU tar"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member as it is written in the tar.

    Attributes:
        name: With its slashes; bytes that are not UTF-8 are surrogates.
        kind: The tar type flag.
        size: Bytes that its content takes in the tar.
        unpacked_size: Bytes on disk; differs for sparse files only.
        link: Target of a link.
        executable: Whether its owner may run it.
        sparse: Whether it is a sparse file in one of GNU's forms.
    """

    name: str
    kind: bytes
    size: int
    unpacked_size: int
    link: str
    executable: bool
    sparse: bool

    @property
    def parts(self) -> list[str]:
        """The parts of its name, without empty ones and `.`; none for the root."""
        return [part for part in self.name.split("/") if part not in ("", ".")]

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory, by its type or, as in old tars, by a trailing slash."""
        old = self.kind in (tarfile.REGTYPE, tarfile.AREGTYPE) and self.name.endswith("/")
        return self.kind == tarfile.DIRTYPE or old

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, sparse ones included."""
        return self.kind in _REGULAR and not self.is_directory


class TarStream:
    """Iterates over members; between two steps the content of the current one can be read.

    Args:
        stream: The uncompressed tar.
        limits: How many members and bytes of names to accept.
    """

    def __init__(self, stream: GzipStream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._left = 0
        self._padding = 0
        self._current = ""
        self._header_bytes = 0
        self._first = True
        self.ended = False
        """Whether the tar has an end mark."""
        self.bytes_after_end = 0
        """Bytes after the end mark, in blocks that are not all zeros."""

    def __iter__(self) -> Iterator[TarEntry]:
        """Yield all members, then read the stream to its end.

        Raises:
            UnreadableArchiveError: The tar is cut off or damaged, or exceeds the limits.
        """
        members = names_bytes = 0
        extended: dict[str, str] = {}
        while True:
            self._finish_content()
            block = self._stream.read(BLOCK)
            if not block or not any(block):
                self.ended = bool(block)
                self._drain()
                return
            header = self._header(block)
            if header.type in _PAX_TYPES:
                records = self._pax_records(self._extended(header))
                if header.type != tarfile.XGLTYPE:
                    extended |= records
                elif records.keys() & _OF_ONE_MEMBER:
                    raise _pax_damaged("a global pax header of the tar names or sizes all members at once")
                continue
            if header.type in _LONG_NAMES:
                name = self._extended(header).partition(b"\x00")[0]
                extended[_LONG_NAMES[header.type]] = _text(name)
                continue
            entry = self._entry(header, block, extended)
            extended = {}
            members += 1
            names_bytes += len(entry.name) + len(entry.link)
            if members > self._limits.members or names_bytes > self._limits.names_bytes:
                text = f"it holds more than {members - 1:,} members; reading stopped there"
                raise UnreadableArchiveError(
                    Finding.error("too-many-members", text, "publish the model's files only")
                )
            self._begin(entry)
            yield entry

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of the current member's content; none at its end.

        Raises:
            UnreadableArchiveError: The tar ends before.
        """
        size = min(size, self._left)
        block = self._stream.read(size)
        self._left -= len(block)
        if len(block) < size:
            raise self._cut_off()
        return block

    def skip(self, size: int) -> int:
        """Drop up to `size` bytes of the current member's content; return how many there were.

        Raises:
            UnreadableArchiveError: The tar ends before.
        """
        size = min(size, self._left)
        skipped = self._stream.skip(size)
        self._left -= skipped
        if skipped < size:
            raise self._cut_off()
        return skipped

    def _begin(self, entry: TarEntry) -> None:
        self._current = entry.name
        self._left = entry.size
        self._padding = -entry.size % BLOCK
        self._header_bytes = 0

    def _finish_content(self) -> None:
        if self._stream.skip(self._left) < self._left:
            raise self._cut_off()
        self._stream.skip(self._padding)
        self._left = self._padding = 0

    def _header(self, block: bytes) -> tarfile.TarInfo:
        first, self._first = self._first, False
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError):
            if first:
                kind = file_kind(block) or "not a tar"
                text, hint = (
                    f"it is gzip, but what is inside is {kind}",
                    "pack the model's directory as a tar.gz",
                )
                raise UnreadableArchiveError(Finding.error("not-a-tar", text, hint)) from None
            if len(block) < BLOCK:
                raise self._cut_off("in a header after") from None
            raise self._damaged() from None
        if header.size < 0:
            raise self._damaged("a member has a negative size")
        return header

    def _extended(self, header: tarfile.TarInfo) -> bytes:
        self._header_bytes += BLOCK + header.size
        if self._header_bytes > self._limits.header_bytes:
            text = (
                f"the extended headers before a member claim {self._header_bytes:,} bytes; names are shorter"
            )
            raise UnreadableArchiveError(Finding.error("header-too-large", text, _PACK_AGAIN))
        content = self._stream.read(header.size)
        if len(content) < header.size:
            raise self._cut_off()
        self._stream.skip(-header.size % BLOCK)
        return content

    def _pax_records(self, content: bytes) -> dict[str, str]:
        """Parse `LENGTH KEY=VALUE` and a line break, repeated; the length counts itself."""
        records = {}
        content = content.rstrip(b"\x00")
        start = 0
        while start < len(content):
            digits, blank, _ = content[start : start + 24].partition(b" ")
            end = start + int(digits) if digits.isdigit() else start
            key, equals, value = content[start + len(digits) + 1 : end].partition(b"=")
            if end > len(content) or not (blank and equals and value.endswith(b"\n")):
                raise _pax_damaged("a pax header of the tar is damaged")
            records[_text(key)] = _text(value[:-1])
            start = end
        return records

    def _entry(self, header: tarfile.TarInfo, block: bytes, extended: dict[str, str]) -> TarEntry:
        name = extended.get("GNU.sparse.name") or extended.get("path")
        sparse = header.type == tarfile.GNUTYPE_SPARSE or any(
            key.startswith("GNU.sparse.") for key in extended
        )
        size = unpacked = self._number(extended, "size", header.size)
        if header.type == tarfile.GNUTYPE_SPARSE:
            unpacked = self._old_sparse_size(block)
        elif header.type not in _REGULAR:
            # Links and directories have no content, whatever their size field says.
            size = unpacked = 0 if header.type in tarfile.SUPPORTED_TYPES else size
        elif sparse:
            unpacked = self._number(extended, "GNU.sparse.size", size)
            unpacked = self._number(extended, "GNU.sparse.realsize", unpacked)
        return TarEntry(
            name=_header_name(block) if name is None else name,
            kind=header.type,
            size=size,
            unpacked_size=unpacked,
            link=extended.get("linkpath", header.linkname),
            executable=bool(header.mode & 0o100),
            sparse=sparse,
        )

    def _number(self, extended: dict[str, str], key: str, default: int) -> int:
        digits = extended.get(key)
        if digits is None:
            return default
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_NUMBER_CHARS):
            raise self._damaged(f"a member has the {key} {digits[:30]!r}")
        return int(digits)

    def _old_sparse_size(self, block: bytes) -> int:
        """Skip the map of a sparse file in GNU's old form, which may take more blocks."""
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

    def _cut_off(self, place: str = "in the middle of") -> UnreadableArchiveError:
        text = f"the tar ends {place} {printable(self._current)}"
        hint = "the program that packed it was stopped: pack it again"
        return UnreadableArchiveError(Finding.error("tar-truncated", text, hint))

    def _damaged(self, why: str = "a header makes no sense") -> UnreadableArchiveError:
        after = f" after {printable(self._current)}" if self._current else ""
        return UnreadableArchiveError(
            Finding.error("tar-damaged", f"the tar is damaged{after}: {why}", _PACK_AGAIN)
        )


def _pax_damaged(text: str) -> UnreadableArchiveError:
    return UnreadableArchiveError(Finding.error("pax-damaged", text, _PACK_AGAIN))


def printable(name: str) -> str:
    """Return a member's name for a message, escaped if it can't be printed."""
    shown = name.encode("utf-8", "backslashreplace").decode()
    if shown == name and name.isprintable() and name:
        return name
    return repr(shown)


def _header_name(block: bytes) -> str:
    name = _text(block[:100].partition(b"\x00")[0])
    # GNU's magic ends in blanks and has other fields in the place of POSIX's prefix.
    if block[257:263] == b"ustar\x00":
        prefix = _text(block[345:500].partition(b"\x00")[0])
        return f"{prefix}/{name}" if prefix else name
    return name


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")

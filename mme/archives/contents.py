"""What an archive or a directory holds: names, sizes, and the few small files that matter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mme.archives.errors import ArchiveError, UnreadableArchiveError
from mme.archives.file_kind import GZIP_MAGIC
from mme.archives.gzip_stream import GzipStream, Limits, too_large
from mme.archives.model_directory import Member, ModelDirectory, open_file, unreadable
from mme.archives.model_files.content_stream import ContentStream, FileStream, StreamWithStart
from mme.archives.model_files.reading import ModelFile, kind_of, read_model_file
from mme.archives.model_files.torch_script import torch_script_of
from mme.archives.tar_stream import TarStream
from mme.findings import Finding

_HEAD_BYTES: Final = 600
"""Cached of other files than code and configuration: enough to recognise their kind."""

_WHOLE_FILE_BYTES: Final = 1024 * 1024
_HEADS_DEPTH: Final = 6
_TEXT_ENDINGS: Final = (".py", ".pbtxt")
_ARCHIVE_ENDINGS: Final = (".tar.gz", ".tgz")
_TORCH_ENDINGS: Final = (".pt", ".pth")
_ZIP_MAGIC: Final = b"PK\x03\x04"
_CACHED_BYTES: Final = 32 * 1024 * 1024

_NESTED_BYTES: Final = 20 * 10**9
"""Unpacked of all archives within one, together."""

_NESTED_RATIO: Final = 500
_NESTED_CHUNK_BYTES: Final = 16 * 1024
_LIMIT_CODES: Final = ("bomb", "header-too-large", "too-large", "too-many-members")
"""Findings that tell of our own limits, not of a fault of the archive."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What was noted of the files' content when they were listed.

    Attributes:
        starts: The first bytes of files, by path.
        without_activate: Paths of the archives in it that surely hold no `bin/activate`, as an
            environment must.
        model_files: What the models' own files say, or what is wrong with them, by path.
    """

    starts: dict[str, bytes] = field(default_factory=dict)
    without_activate: set[str] = field(default_factory=set)
    model_files: dict[str, ModelFile | Finding] = field(default_factory=dict)


class Contents:
    """The files and directories of one model archive. Directories that are not listed are added.

    Args:
        members: Each path once.
        notes: Of their content.
    """

    def __init__(self, members: Iterable[Member], notes: Notes | None = None) -> None:
        known = {member.path: member for member in members}
        for path in list(known):
            parent = path.rpartition("/")[0]
            while parent and parent not in known:
                known[parent] = Member(parent, 0, is_directory=True)
                parent = parent.rpartition("/")[0]
        self._known = dict(sorted(known.items()))
        notes = notes or Notes()
        self._starts = notes.starts
        self.without_activate: Collection[str] = notes.without_activate
        self.model_files: Mapping[str, ModelFile | Finding] = notes.model_files
        self._children: dict[str, list[Member]] = defaultdict(list)
        self._sizes: Counter[str] = Counter()
        for path, member in self._known.items():
            parent = path.rpartition("/")[0]
            self._children[parent].append(member)
            while parent and member.size:
                self._sizes[parent] += member.size
                parent = parent.rpartition("/")[0]

    @property
    def members(self) -> tuple[Member, ...]:
        """Files and directories, sorted by path."""
        return tuple(self._known.values())

    @property
    def files(self) -> list[Member]:
        """Files, sorted by path."""
        return [member for member in self._known.values() if not member.is_directory]

    @property
    def unpacked_bytes(self) -> int:
        """Sum of the files' contents."""
        return sum(member.size for member in self._known.values())

    def find(self, path: str) -> Member | None:
        """Return the member of that path, or None."""
        return self._known.get(path)

    def is_directory(self, path: str) -> bool:
        """Return whether there is a directory of that path."""
        member = self._known.get(path)
        return member is not None and member.is_directory

    def children(self, path: str = "") -> list[Member]:
        """Return what is directly in a directory, by default in the root."""
        return self._children.get(path, [])

    def folders(self, path: str = "") -> list[str]:
        """Return the names of the directories directly in a directory, by default in the root."""
        return [member.name for member in self.children(path) if member.is_directory]

    def start(self, path: str) -> bytes:
        """Return the cached first bytes of a file."""
        return self._starts.get(path, b"")

    def whole(self, path: str) -> bytes | None:
        """Return a small file's content; None if it is missing, a directory, or too large to be cached."""
        member = self._known.get(path)
        if member is None or member.is_directory:
            return None
        content = self._starts.get(path, b"")
        return content if len(content) == member.size else None

    def size_below(self, path: str) -> int:
        """Return the bytes of all files below a directory."""
        return self._sizes[path]


class ContentReader:
    """Reads what matters of an archive's files, up to a total that fits in memory.

    Args:
        packed_bytes: Returns how many bytes were read of the archive itself, which bounds what is unpacked
            of the archives in it.
    """

    def __init__(self, packed_bytes: Callable[[], int]) -> None:
        self.notes = Notes()
        self._room = _CACHED_BYTES
        self._packed_bytes = packed_bytes
        self._nested_bytes = 0

    def wants(self, path: str, size: int) -> bool:
        """Return whether a file's content matters.

        Args:
            path: Of the file in the archive.
            size: Of the file, in bytes.
        """
        return self._wanted(path, size) > 0

    def cache(self, path: str, size: int, read: Callable[[int], bytes]) -> bytes:
        """Cache a file's first bytes, all of code or configuration, and return them.

        Args:
            path: Of the file in the archive.
            size: Of the file, in bytes.
            read: Returns its next bytes.
        """
        start = read(self._wanted(path, size))
        self._room -= len(start)
        self.notes.starts[path] = start
        return start

    def read(self, path: str, size: int, stream: ContentStream) -> None:
        """Cache a file's first bytes. An archive is read up to its `bin/activate`, a model without weights.

        Args:
            path: Of the file in the archive.
            size: Of the file, in bytes.
            stream: Its content, of which as much is read as matters.
        """
        start = self.cache(path, size, stream.read)
        if path.endswith(_TEXT_ENDINGS):
            return
        nested = path.endswith(_ARCHIVE_ENDINGS) and start.startswith(GZIP_MAGIC)
        if nested and self._holds_activate(start, stream.read) is False:
            self.notes.without_activate.add(path)
        elif kind := kind_of(path, start):
            whole = StreamWithStart(start, stream)
            self.notes.model_files[path] = read_model_file(path, size, start, whole, kind)
        elif (
            path.endswith(_TORCH_ENDINGS)
            and start.startswith(_ZIP_MAGIC)
            and (script := torch_script_of(StreamWithStart(start, stream), size))
        ):
            self.notes.model_files[path] = script

    def _wanted(self, path: str, size: int) -> int:
        wanted = _HEAD_BYTES if path.count("/") <= _HEADS_DEPTH else 0
        if path.endswith(_TEXT_ENDINGS) and size <= _WHOLE_FILE_BYTES:
            wanted = size
        return min(wanted, size, self._room)

    def _holds_activate(self, start: bytes, rest: Callable[[int], bytes]) -> bool | None:
        """Return whether a nested archive has it; None if a limit was reached before."""

        def chunks() -> Iterator[bytes]:
            chunk = start
            while chunk:
                most = min(_NESTED_BYTES, self._packed_bytes() * _NESTED_RATIO)
                if self._nested_bytes + stream.unpacked_bytes > most:
                    raise UnreadableArchiveError(too_large(most))
                yield chunk
                chunk = rest(_NESTED_CHUNK_BYTES)

        limits = Limits(_NESTED_BYTES, _NESTED_RATIO, ratio_from_bytes=0)
        stream = GzipStream(chunks(), limits)
        try:
            return any("/".join(entry.parts) == "bin/activate" for entry in TarStream(stream, limits))
        except UnreadableArchiveError as error:
            return None if error.finding.code in _LIMIT_CODES else False
        finally:
            self._nested_bytes += stream.unpacked_bytes


def contents_of(directory: ModelDirectory) -> Contents:
    """Return the contents of a directory on disk.

    Raises:
        ArchiveError: A file can't be read.
    """
    total = sum(member.size for member in directory.members)
    reader = ContentReader(lambda: total)
    for member in directory.members:
        if member.is_directory or not reader.wants(member.path, member.size):
            continue
        try:
            with open_file(directory.root, member.file) as file:
                if member.path.endswith(_TEXT_ENDINGS):
                    reader.cache(member.path, member.size, file.read)
                else:
                    reader.read(member.path, member.size, FileStream(file))
        except OSError as error:
            raise ArchiveError(directory.subject, [unreadable(member.path, error, directory.root)]) from error
    return Contents(directory.members, reader.notes)

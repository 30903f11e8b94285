"""What an archive or a directory holds: names, sizes, and the few small files that matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from mme.archives.errors import ArchiveError
from mme.archives.model_directory import Member, ModelDirectory

HEAD_BYTES: Final = 600
"""Kept of files that are not kept whole: enough to know their kind."""

_WHOLE_FILE_BYTES: Final = 1024 * 1024
_HEADS_DEPTH: Final = 6
_KEPT_IN_ALL: Final = 32 * 1024 * 1024


def wanted_bytes(path: str, size: int) -> int:
    """How much of a file's start is worth keeping."""
    name = path.rpartition("/")[2]
    if name.endswith((".py", ".pbtxt")) and size <= _WHOLE_FILE_BYTES:
        return size
    return HEAD_BYTES if path.count("/") <= _HEADS_DEPTH else 0


class Contents:
    """The files and directories of one model archive. A directory need not be listed to be there.

    Args:
        members: each path once.
        starts: the beginnings of files, by path.
    """

    def __init__(self, members: Iterable[Member], starts: Mapping[str, bytes]) -> None:
        known = {member.path: member for member in members}
        for path in list(known):
            parent = path.rpartition("/")[0]
            while parent and parent not in known:
                known[parent] = Member(parent, 0, is_directory=True)
                parent = parent.rpartition("/")[0]
        self._known = dict(sorted(known.items()))
        self._starts = starts
        self._children: dict[str, list[Member]] = defaultdict(list)
        for path, member in self._known.items():
            self._children[path.rpartition("/")[0]].append(member)

    @property
    def members(self) -> tuple[Member, ...]:
        """All, sorted by path."""
        return tuple(self._known.values())

    @property
    def files(self) -> list[Member]:
        """Without directories."""
        return [member for member in self._known.values() if not member.is_directory]

    @property
    def unpacked_bytes(self) -> int:
        """Sum of the files' contents."""
        return sum(member.size for member in self._known.values())

    def find(self, path: str) -> Member | None:
        """The member of that path, or None."""
        return self._known.get(path)

    def children(self, path: str = "") -> list[Member]:
        """What lies directly in a directory; in the root by default."""
        return self._children.get(path, [])

    def folders(self, path: str = "") -> list[str]:
        """The names of the directories in a directory."""
        return [member.name for member in self.children(path) if member.is_directory]

    def start(self, path: str) -> bytes:
        """What was kept of a file's beginning."""
        return self._starts.get(path, b"")

    def whole(self, path: str) -> bytes | None:
        """A small text file's content; None where it is missing, a directory, or was too large to keep."""
        member = self._known.get(path)
        if member is None or member.is_directory:
            return None
        content = self._starts.get(path, b"")
        return content if len(content) == member.size else None

    def size_below(self, path: str) -> int:
        """Bytes of all files in a directory, however deep; of all for the root."""
        start = f"{path}/" if path else ""
        return sum(member.size for known, member in self._known.items() if known.startswith(start))


class Keeper:
    """Keeps the beginnings of files, up to a sum that fits in memory."""

    def __init__(self) -> None:
        self.starts: dict[str, bytes] = {}
        self._room = _KEPT_IN_ALL

    def wants(self, path: str, size: int) -> int:
        """How many bytes to hand over."""
        return min(wanted_bytes(path, size), size, self._room)

    def keep(self, path: str, start: bytes) -> None:
        """Takes them."""
        self._room -= len(start)
        self.starts[path] = start


def contents_of(directory: ModelDirectory) -> Contents:
    """The same for a directory on disk.

    Raises:
        ArchiveError: a file can't be read.
    """
    keeper = Keeper()
    for member in directory.members:
        if not member.is_directory and (size := keeper.wants(member.path, member.size)):
            keeper.keep(member.path, _read(directory, member, size))
    return Contents(directory.members, keeper.starts)


def _read(directory: ModelDirectory, member: Member, size: int) -> bytes:
    try:
        with (directory.root / member.path).open("rb") as file:
            return file.read(size)
    except OSError as error:
        from mme.archives.model_directory import unreadable

        raise ArchiveError(directory.subject, [unreadable(member.path, error)]) from error

"""A model's directory on disk, and what of it belongs into the archive."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Final

from mme.archives.errors import ArchiveError
from mme.findings import Finding

JUNK: Final = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    ".DS_Store",
    "__MACOSX",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitkeep",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
)
"""Names that tools leave behind: never packed, wherever they lie."""


_IS_JUNK = re.compile("|".join(translate(pattern) for pattern in JUNK))


def is_junk(name: str) -> bool:
    """True for a file or directory name that no archive should hold."""
    return _IS_JUNK.match(name) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One file or directory.

    Attributes:
        path: relative to the model's root, with `/` between parts.
        size: bytes of content; 0 for a directory.
        is_directory: or else it is a regular file.
        executable: its owner may run it (a python backend stub of one's own must keep that).
    """

    path: str
    size: int
    is_directory: bool = False
    executable: bool = False

    @property
    def depth(self) -> int:
        """0 for what lies at the model's root."""
        return self.path.count("/")

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """What was found in a directory.

    Attributes:
        root: the directory.
        subject: the directory as the user named it, for messages.
        name: the directory's own name, which becomes the model's.
        members: sorted by path: a directory comes before what is in it.
    """

    root: Path
    subject: str
    name: str
    members: tuple[Member, ...]

    @property
    def unpacked_bytes(self) -> int:
        """What the container will have on disk: the sum of the files' contents."""
        return sum(member.size for member in self.members)

    def children(self, path: str = "") -> list[Member]:
        """What lies directly in a directory of the model; in its root by default."""
        start = f"{path}/" if path else ""
        return [
            member
            for member in self.members
            if member.path.startswith(start) and "/" not in member.path[len(start) :]
        ]

    def find(self, path: str) -> Member | None:
        """The member of that path, or None."""
        return next((member for member in self.members if member.path == path), None)

    def read(self, path: str) -> bytes:
        """The content of a small file.

        Raises:
            ArchiveError: it can't be read.
        """
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise ArchiveError(self.subject, [unreadable(path, error)]) from error


def scan_directory(path: str | Path) -> ModelDirectory:
    """Lists what a model directory holds, without the junk. A trailing slash changes nothing.

    Args:
        path: the model's directory. It may be a symbolic link; nothing in it may.

    Raises:
        ArchiveError: it is no directory, is empty, or holds what can't be packed (symbolic links, special or
            unreadable files, names that are not UTF-8): all of these at once.
    """
    directory, findings = survey_directory(path)
    if findings:
        raise ArchiveError(directory.subject, findings)
    return directory


def survey_directory(path: str | Path) -> tuple[ModelDirectory, list[Finding]]:
    """Like `scan_directory`, but what can't be packed is left out and told.

    Raises:
        ArchiveError: it is no directory.
    """
    subject = str(path)
    # Not resolve(): the name of a link to a directory is the name its user chose.
    root = Path(os.path.abspath(path))  # noqa: PTH100
    if not root.exists():
        raise ArchiveError(
            subject,
            [Finding.error("not-found", "no such directory", "give the path of the model's directory")],
        )
    if not root.is_dir():
        hint = "give the path of the directory that holds config.pbtxt"
        if root.name.endswith((".tar.gz", ".tgz")):
            hint += "; archives are packed for you"
        raise ArchiveError(
            subject,
            [Finding.error("not-a-directory", "it is a file, not a model's directory", hint)],
        )
    findings: list[Finding] = []
    members = tuple(sorted(_walk(root, "", findings), key=lambda member: member.path))
    if not members and not findings:
        hint = "it needs config.pbtxt and a version directory"
        findings.append(Finding.error("empty-directory", "the directory is empty", hint))
    return ModelDirectory(root, subject, root.name, members), findings


def _walk(folder: Path, prefix: str, findings: list[Finding]) -> Iterator[Member]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        findings.append(unreadable(prefix.rstrip("/") or ".", error))
        return
    for entry in listed:
        if is_junk(entry.name):
            continue
        path = prefix + entry.name
        fault = _name_fault(path) or _kind_fault(entry, path)
        if fault:
            findings.append(fault)
        elif entry.is_dir(follow_symlinks=False):
            yield Member(path, 0, is_directory=True)
            yield from _walk(folder / entry.name, f"{path}/", findings)
        else:
            status = entry.stat(follow_symlinks=False)
            try:
                # Opening is the only sure test: permission bits say nothing about ACLs or network disks.
                os.close(os.open(entry.path, os.O_RDONLY))
            except OSError as error:
                findings.append(unreadable(path, error))
                continue
            yield Member(path, status.st_size, executable=bool(status.st_mode & stat.S_IXUSR))


def _name_fault(path: str) -> Finding | None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        return Finding.error("name-encoding", f"the name {shown!r} is not UTF-8", "rename it")
    return None


def _kind_fault(entry: os.DirEntry[str], path: str) -> Finding | None:
    if entry.is_symlink():
        return Finding.error(
            "symlink",
            f"{path} is a symbolic link to {Path(entry.path).readlink()}, which the container would not have",
            "put a copy of the file in its place",
        )
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return None
    mode = entry.stat(follow_symlinks=False).st_mode
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return Finding.error(
        "special-file", f"{path} is {kind}, not a regular file", "remove it from the model's directory"
    )


def unreadable(path: str, error: OSError) -> Finding:
    """The finding for a file that can't be read."""
    reason = (error.strerror or str(error)).lower()
    return Finding.error(
        "unreadable", f"{path} can't be read: {reason}", f"make it readable: chmod u+r {path}"
    )

"""List what a model's directory on disk holds, as it would be packed."""

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
"""Names that tools leave behind: never packed."""

_IS_JUNK = re.compile("|".join(translate(pattern) for pattern in JUNK))


def is_junk(name: str) -> bool:
    """Return whether a file or directory of this name is never packed."""
    return _IS_JUNK.match(name) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One file or directory.

    Attributes:
        path: Relative to the model's root, with `/` between parts.
        size: Bytes of content; 0 for a directory.
        is_directory: Whether it is a directory, else a regular file.
        executable: Whether its owner may run it; a model's own Python backend stub needs that.
    """

    path: str
    size: int
    is_directory: bool = False
    executable: bool = False

    @property
    def depth(self) -> int:
        """Number of directories above it in the model."""
        return self.path.count("/")

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """What was found in a directory.

    Attributes:
        root: The directory.
        subject: The directory as the user named it, for messages.
        name: The directory's own name, which becomes the model's.
        members: Sorted by path: a directory comes before what is in it.
    """

    root: Path
    subject: str
    name: str
    members: tuple[Member, ...]

    @property
    def unpacked_bytes(self) -> int:
        """Sum of the files' contents: what the container has on disk."""
        return sum(member.size for member in self.members)


def scan_directory(path: str | Path) -> ModelDirectory:
    """List what a model's directory holds, without junk. A trailing slash changes nothing.

    Args:
        path: The model's directory. It may be a symbolic link; nothing in it may.

    Raises:
        ArchiveError: It is not a directory, is empty, or holds what can't be packed (symbolic links, special
            or unreadable files, names that are not UTF-8): all of these at once.
    """
    directory, findings = survey_directory(path)
    if findings:
        raise ArchiveError(directory.subject, findings)
    return directory


def survey_directory(path: str | Path) -> tuple[ModelDirectory, list[Finding]]:
    """List like `scan_directory`; return what can't be packed as findings.

    Raises:
        ArchiveError: It is not a directory.
    """
    subject = str(path)
    # Not resolve(): a link's name is the one that its user chose.
    root = Path(os.path.abspath(path))  # noqa: PTH100
    if not root.exists():
        hint = "give the path of the model's directory"
        raise ArchiveError(subject, [Finding.error("not-found", "no such directory", hint)])
    if not root.is_dir():
        hint = "give the path of the directory that holds config.pbtxt"
        if root.name.endswith((".tar.gz", ".tgz")):
            hint += "; archives are packed for you"
        text = "it is a file, not a model's directory"
        raise ArchiveError(subject, [Finding.error("not-a-directory", text, hint)])
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
        target = Path(entry.path).readlink()
        text = f"{path} is a symbolic link to {target}, which the container does not have"
        return Finding.error("symlink", text, "put a copy of the file in its place")
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return None
    mode = entry.stat(follow_symlinks=False).st_mode
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    text = f"{path} is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a regular file"
    return Finding.error("special-file", text, "remove it from the model's directory")


def unreadable(path: str, error: OSError) -> Finding:
    """Return the finding for a file that can't be read.

    Args:
        path: Of the file, for the message.
        error: What reading it raised.
    """
    reason = (error.strerror or str(error)).lower()
    hint = f"make it readable: chmod u+r {path}"
    return Finding.error("unreadable", f"{path} can't be read: {reason}", hint)

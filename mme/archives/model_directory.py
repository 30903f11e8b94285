"""List what a model's directory on disk holds, as it would be packed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import IO, Final

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

LEFT_OUT: Final = (
    ".env",
    ".env.*",
    ".netrc",
    ".aws",
    ".ssh",
    ".venv",
    ".cache",
    ".idea",
    ".vscode",
    ".nfs*",
    "node_modules",
    "wandb",
    "*.swp",
    "*~",
    ".mmeignore",
)
"""Secrets, environments, caches and editors' files: not packed either, and named to the user."""

IGNORE_FILE: Final = ".mmeignore"
_IGNORE_MAX_BYTES: Final = 64 * 1024
_SHOWN_PATHS: Final = 5

MAX_DEPTH: Final = 100
"""Directories within each other, of a directory or an archive; deleting them recurses."""

_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_FOLDER: Final = _OPEN_FILE | os.O_DIRECTORY

_IS_JUNK = re.compile("|".join(map(translate, JUNK)))
_IS_LEFT_OUT = re.compile("|".join(map(translate, LEFT_OUT)))


def is_junk(name: str) -> bool:
    """Return whether a file or directory of this name is never packed."""
    return _IS_JUNK.match(name) is not None


def is_left_out(name: str) -> bool:
    """Return whether a file or directory of this name is left out and named."""
    return _IS_LEFT_OUT.match(name) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One file or directory.

    Attributes:
        path: Relative to the model's root, with `/` between parts.
        size: Bytes of content; 0 for a directory.
        is_directory: Whether it is a directory, else a regular file.
        executable: Whether its owner may run it; a model's own Python backend stub needs that.
        linked: Where the file is, relative to the root, if `path` leads there through symbolic links.
    """

    path: str
    size: int
    is_directory: bool = False
    executable: bool = False
    linked: str = ""

    @property
    def file(self) -> str:
        """The file to read, relative to the root; no part of it is a symbolic link."""
        return self.linked or self.path

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
        left_out: Paths that are not packed: secrets, environments, and what `.mmeignore` names.
    """

    root: Path
    subject: str
    name: str
    members: tuple[Member, ...]
    left_out: tuple[str, ...] = ()

    @property
    def left_out_text(self) -> str:
        """The first five paths that are left out, and how many more there are."""
        names, more = ", ".join(self.left_out[:_SHOWN_PATHS]), len(self.left_out) - _SHOWN_PATHS
        return f"{names} and {more} more" if more > 0 else names

    @property
    def unpacked_bytes(self) -> int:
        """Sum of the files' contents: what the container has on disk."""
        return sum(member.size for member in self.members)


def scan_directory(path: str | Path, *, follow_links: bool = False) -> ModelDirectory:
    """List what a model's directory holds, without junk. A trailing slash changes nothing.

    Args:
        path: The model's directory. It may be a symbolic link.
        follow_links: Pack what a symbolic link points at, if that is in the directory too.

    Raises:
        ArchiveError: It is not a directory, is empty, or holds what can't be packed (symbolic links, special
            or unreadable files, names that are not UTF-8): all of these at once.
    """
    directory, findings = survey_directory(path, follow_links=follow_links)
    if findings:
        raise ArchiveError(directory.subject, findings)
    return directory


def survey_directory(path: str | Path, *, follow_links: bool = False) -> tuple[ModelDirectory, list[Finding]]:
    """List like `scan_directory`; return what can't be packed as findings.

    Args:
        path: The model's directory.
        follow_links: See `scan_directory`.

    Raises:
        ArchiveError: It is not a directory.
    """
    subject = str(path)
    # Not resolve(): a link's name is the one that its user chose.
    root = Path(os.path.abspath(path))  # noqa: PTH100
    # Not Path.exists(): it raises for a name that is too long.
    if not os.path.exists(root):  # noqa: PTH110
        hint = "give the path of the model's directory"
        raise ArchiveError(subject, [Finding.error("not-found", "no such directory", hint)])
    if not os.path.isdir(root):  # noqa: PTH112
        hint = "give the path of the directory that holds config.pbtxt"
        if root.name.endswith((".tar.gz", ".tgz")):
            hint += "; archives are packed for you"
        else:
            hint += f"; from a model file, make it: mme models new NAME --from {subject}"
        text = "it is a file, not a model's directory"
        raise ArchiveError(subject, [Finding.error("not-a-directory", text, hint)])
    scan = _Scan(root, follow_links=follow_links)
    findings, members = scan.findings, sorted(scan.run(), key=lambda member: member.path)
    links = [finding for finding in findings if finding.code == "symlink"]
    if len(links) > 1:
        findings = [_many_links(links, subject), *(finding for finding in findings if finding not in links)]
    if not members and not findings:
        hint = "it needs config.pbtxt and a version directory"
        findings.append(Finding.error("empty-directory", "the directory is empty", hint))
    left_out = tuple(sorted(path for path in scan.left_out if path != IGNORE_FILE))
    return ModelDirectory(root, subject, root.name, tuple(members), left_out), findings


def open_file(root: Path, path: str) -> IO[bytes]:
    """Open a regular file below a directory, even if others change the directory meanwhile.

    No symbolic link is followed on the way, and no named pipe or device is read.

    Args:
        root: The directory; it may be a symbolic link.
        path: Of the file, relative to it.

    Raises:
        OSError: It is not a regular file, is reached through a link, or can't be read.
    """
    parent, _, name = path.rpartition("/")
    folder = _open_folder(root, parent)
    try:
        return _open_regular(name, folder)
    finally:
        os.close(folder)


def _open_folder(root: Path, path: str) -> int:
    """Open a directory below another one, through no symbolic link; the caller closes it."""
    folder = os.open(root, _OPEN_FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in filter(None, path.split("/")):
            inner = os.open(part, _OPEN_FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


def _open_regular(name: str, folder: int) -> IO[bytes]:
    handle = os.open(name, _OPEN_FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb", buffering=0)


class _Scan:
    """A walk through a directory, by open directories: nothing that is moved meanwhile leads it elsewhere."""

    def __init__(self, root: Path, *, follow_links: bool) -> None:
        self._root = root
        self._follow_links = follow_links
        self._walked: list[str] = []  # the directories above, by where they really are
        self._ignored = re.compile(r"(?!)")
        self.findings: list[Finding] = []
        self.left_out: list[str] = []

    def run(self) -> Iterator[Member]:
        try:
            folder = os.open(self._root, _OPEN_FOLDER & ~os.O_NOFOLLOW)
        except OSError as error:
            self.findings.append(unreadable("", error, self._root))
            return
        with contextlib.suppress(OSError), open_file(self._root, IGNORE_FILE) as file:
            lines = file.read(_IGNORE_MAX_BYTES).decode("utf-8", "replace").splitlines()
            patterns = [line.strip().strip("/") for line in lines if not line.startswith("#")]
            self._ignored = re.compile("|".join(map(translate, filter(None, patterns))) or r"(?!)")
        yield from self._walk(folder, "", "")

    def _walk(self, folder: int, prefix: str, place: str) -> Iterator[Member]:
        """Yield what is in an open directory, and close it.

        Args:
            folder: The directory.
            prefix: Of the paths in it.
            place: Where it really is, as `prefix` says if there are no links.
        """
        self._walked.append(place)
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    path = prefix + entry.name
                    if is_left_out(entry.name) or any(map(self._ignored.match, (entry.name, path))):
                        self.left_out.append(path)
                    elif not is_junk(entry.name):
                        yield from self._member(entry, folder, path, place + entry.name)
        except OSError as error:
            self.findings.append(unreadable(prefix.rstrip("/"), error, self._root))
        finally:
            self._walked.pop()
            os.close(folder)

    def _member(self, entry: os.DirEntry[str], folder: int, path: str, place: str) -> Iterator[Member]:
        try:
            if self._follow_links and entry.is_symlink() and (target := self._target(place)):
                yield from self._linked(path, target)
                return
            if fault := _name_fault(path) or _kind_fault(entry, folder, path):
                self.findings.append(fault)
                return
            if entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, _OPEN_FOLDER, dir_fd=folder)
                yield Member(path, 0, is_directory=True)
                yield from self._walk(inner, f"{path}/", f"{place}/")
                return
            # Opening is the only sure test: permission bits say nothing about ACLs or network disks.
            with _open_regular(entry.name, folder) as file:
                status = os.fstat(file.fileno())
        except OSError as error:
            self.findings.append(unreadable(path, error, self._root))
        else:
            yield _file(path, status, place)

    def _target(self, place: str) -> str:
        """Return where a link of the directory points at in it; empty if that is elsewhere, or above it."""
        root = os.path.realpath(self._root)
        target = os.path.relpath(os.path.realpath(f"{root}/{place}"), root)
        outside = target == "." or target.split("/")[0] == ".." or not os.path.exists(f"{root}/{target}")  # noqa: PTH110
        secret = any(map(is_left_out, target.split("/")))
        return "" if outside or secret or f"{target}/" in self._walked else target

    def _linked(self, path: str, target: str) -> Iterator[Member]:
        if fault := _name_fault(path):
            self.findings.append(fault)
        elif (self._root / target).is_dir():
            yield Member(path, 0, is_directory=True)
            yield from self._walk(_open_folder(self._root, target), f"{path}/", f"{target}/")
        else:
            with open_file(self._root, target) as file:
                yield _file(path, os.fstat(file.fileno()), target)


def _file(path: str, status: os.stat_result, place: str) -> Member:
    executable = bool(status.st_mode & stat.S_IXUSR)
    return Member(path, status.st_size, executable=executable, linked=place if place != path else "")


def _name_fault(path: str) -> Finding | None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        return Finding.error("name-encoding", f"the name {shown!r} is not UTF-8", "rename it")
    return too_deep(path) if path.count("/") >= MAX_DEPTH else None


def too_deep(path: str) -> Finding:
    """Return the finding for a path with more than `MAX_DEPTH` parts."""
    text = f"{path[:40]}... is in more than {MAX_DEPTH} directories"
    return Finding.error("too-deep", text, "pack it with fewer directories")


def _kind_fault(entry: os.DirEntry[str], folder: int, path: str) -> Finding | None:
    if entry.is_symlink():
        target = os.readlink(entry.name, dir_fd=folder)
        text = f"{path} is a symbolic link to {target}, which the container does not have"
        hint = "put a copy of the file in its place, or give --follow-links if it is in the directory"
        if "/snapshots/" in path and "/blobs/" in target:
            hint = "it is a Hugging Face cache: give --follow-links, or download the model with local_dir="
        return Finding.error("symlink", text, hint)
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return None
    mode = entry.stat(follow_symlinks=False).st_mode
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    text = f"{path} is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a regular file"
    return Finding.error("special-file", text, "remove it from the model's directory")


def _many_links(links: list[Finding], subject: str) -> Finding:
    """Return one finding for a directory with many symbolic links."""
    hint = (
        links[0].hint
        if "Hugging Face" in links[0].hint
        else f"copy the files: cp -aL {subject} COPY; or give --follow-links"
    )
    return Finding.error("symlink", f"{len(links)} symbolic links, such as: {links[0].message}", hint)


def unreadable(path: str, error: OSError, root: Path) -> Finding:
    """Return the finding for a file or directory that can't be read.

    Args:
        path: Relative to the model's root; empty for the root.
        error: What reading it raised.
        root: The model's root.
    """
    reason = (error.strerror or str(error)).lower()
    place = root / path
    # Not Path.is_dir(), which raises for what is in an unreadable directory.
    right = "u+rx" if os.path.isdir(place) else "u+r"  # noqa: PTH112
    hint = f"make it readable: chmod {right} {shlex.quote(str(place))}"
    return Finding.error("unreadable", f"{path or 'the directory'} can't be read: {reason}", hint)

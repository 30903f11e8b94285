"""A tar.gz, read once: its contents, and what is wrong with the file and its members' names and kinds."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import IO, Final

from mme.archives.contents import Contents, Keeper
from mme.archives.finding_codes import found
from mme.archives.findings import Finding
from mme.archives.gzip_stream import GzipStream, Limits, StoppedError
from mme.archives.model_directory import Member, is_junk
from mme.archives.tar_stream import TarEntry, TarStream, printable

_TOLD_OF_A_KIND: Final = 4
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 4096
_KINDS: Final = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    b"V": "a volume's label",
    b"M": "the rest of a file of another volume",
}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What was read.

    Attributes:
        contents: its files and directories, as far as they can be unpacked.
        findings: in the order found.
        packed_bytes: read of the archive.
        complete: whether all of it was read.
    """

    contents: Contents
    findings: tuple[Finding, ...]
    packed_bytes: int
    complete: bool


def read_archive(source: IO[bytes], limits: Limits | None = None) -> ArchiveFile:
    """Reads an open tar.gz from front to back, whatever it holds. Nothing is written to disk.

    Memory stays below some 100 MB, however large the archive is or claims to be.
    """
    limits = limits or Limits()
    stream = GzipStream(source, limits)
    reading = _Reading(limits)
    complete = True
    try:
        stream.open()
        tar = TarStream(stream)
        for entry in tar:
            reading.take(entry, tar)
        reading.findings += _after(stream, tar)
    except StoppedError as stopped:
        reading.findings.append(stopped.finding)
        complete = False
    contents = reading.contents()
    if complete and not contents.files and not reading.findings:
        hint = "pack the model's directory itself: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
        text = "the archive holds directories only" if contents.members else "the archive holds no file"
        reading.findings.append(found("empty-archive", text, hint))
    return ArchiveFile(contents, tuple(combined(reading.findings)), stream.packed_bytes, complete)


def combined(findings: Iterable[Finding]) -> list[Finding]:
    """The first few of each code; the last of them says how many more there are."""
    findings = list(findings)
    counts = Counter(finding.code for finding in findings)
    told: Counter[str] = Counter()
    kept = []
    for finding in findings:
        told[finding.code] += 1
        if told[finding.code] > _TOLD_OF_A_KIND:
            continue
        more = counts[finding.code] - _TOLD_OF_A_KIND
        if told[finding.code] == _TOLD_OF_A_KIND and more > 0:
            kept.append(replace(finding, message=f"{finding.message} (and {more} more of this kind)"))
        else:
            kept.append(finding)
    return kept


def _after(stream: GzipStream, tar: TarStream) -> list[Finding]:
    findings = []
    if tar.bytes_after_end:
        findings.append(
            found(
                "data-after-end",
                "there is data after the tar's end mark, as of a second tar appended to it",
                "it is never unpacked: pack everything in one go",
            )
        )
    if not tar.ended:
        hint = "unpackers accept it; where a program was stopped while packing, pack it again"
        findings.append(found("tar-not-ended", "the tar has no end mark", hint))
    if stream.trailing:
        hint = "pack it again: unpackers ignore them or refuse the file"
        findings.append(found("trailing-data", f"{stream.trailing} follow the gzip data", hint))
    return findings


class _Reading:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members: dict[str, Member] = {}
        self._keeper = Keeper()
        self._names_bytes = 0
        self._junk: list[str] = []
        self.findings: list[Finding] = []

    def take(self, entry: TarEntry, tar: TarStream) -> None:
        self._names_bytes += len(entry.name) + len(entry.link)
        if len(self._members) >= self._limits.members or self._names_bytes > self._limits.names_bytes:
            raise StoppedError(
                found(
                    "too-many-members",
                    f"it holds more than {len(self._members)} files, where reading stopped",
                    "publish the model's files only",
                )
            )
        path = self._path(entry)
        if path is None:
            return
        fault = _kind_fault(entry, path)
        if fault:
            self.findings.append(fault)
            return
        if entry.kind == tarfile.GNUTYPE_SPARSE or entry.unpacked_size != entry.size:
            hint = "not every unpacker knows them: pack without tar's -S"
            self.findings.append(found("sparse-file", f"{printable(path)} is a sparse file", hint))
        self._add(Member(path, entry.unpacked_size, entry.is_directory, entry.executable), tar)

    def contents(self) -> Contents:
        """Ends the reading."""
        if self._junk:
            first = ", ".join(printable(path) for path in self._junk[:3])
            rest = f" and {len(self._junk) - 3} more" if len(self._junk) > 3 else ""
            message = f"files that tools leave behind: {first}{rest}"
            self.findings.append(found("junk", message, "leave them out; mme models add does"))
        self._conflicts()
        return Contents(self._members.values(), self._keeper.starts)

    def _path(self, entry: TarEntry) -> str | None:
        """The member's normal path; None for the root and for what can't be unpacked."""
        name, shown = entry.name, printable(entry.name)
        if not name.strip("/"):
            self.findings.append(_no_name(entry))
            return None
        if name.startswith("/"):
            hint = "pack with relative names: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
            self.findings.append(found("absolute-path", f"the member {shown} has an absolute path", hint))
            return None
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            hint = "pack from the model's directory, so that no name has .. in it"
            self.findings.append(found("path-escapes", f"the member {shown} leads out through ..", hint))
            return None
        path = "/".join(parts)
        fault = _name_fault(path, shown)
        if fault:
            self.findings.append(fault)
            if fault.severity == "error":
                return None
        return path or None

    def _add(self, member: Member, tar: TarStream) -> None:
        path = member.path
        known = self._members.get(path)
        if known and not (known.is_directory and member.is_directory):
            if known.is_directory != member.is_directory:
                self.findings.append(_conflict(path))
                return
            hint = "the last one wins; pack it again so that only one is there"
            message = f"{printable(path)} is in the archive twice"
            self.findings.append(found("duplicate-member", message, hint))
        self._members[path] = member
        parts = path.split("/")
        if any(part.startswith("PaxHeader") for part in parts) and not known:
            message = f"{printable(path)} is a header that a tar program took for a file"
            hint = "remove the PaxHeader directories and pack it again"
            self.findings.append(found("pax-leftovers", message, hint))
        elif any(is_junk(part) for part in parts) and not known:
            self._junk.append(path)
        size = self._keeper.wants(path, member.size) if not member.is_directory else 0
        if size:
            self._keeper.keep(path, tar.read(size))

    def _conflicts(self) -> None:
        for path in list(self._members):
            parent = path.rpartition("/")[0]
            while parent:
                above = self._members.get(parent)
                if above and not above.is_directory:
                    self.findings.append(_conflict(parent))
                    self._members[parent] = Member(parent, 0, is_directory=True)
                parent = parent.rpartition("/")[0]


def _no_name(entry: TarEntry) -> Finding:
    if entry.is_directory:
        return found(
            "empty-name",
            "a directory has an empty name, as tarfile's arcname=basename('dir/') makes it",
            "some unpackers stop there: pack with arcname='.' or with mme models add",
        )
    return found("nameless-file", "a file in the archive has no name", "pack it again")


def _name_fault(path: str, shown: str) -> Finding | None:
    try:
        encoded = path.encode("utf-8")
    except UnicodeEncodeError:
        return found("name-encoding", f"the name {shown} is not UTF-8", "rename it")
    if len(encoded) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in encoded.split(b"/")):
        message = f"the name {shown[:40]}... is longer than a file system takes"
        return found("name-too-long", message, "rename it: 255 bytes a name, 4096 a path")
    if "\\" in path:
        message = f"the name {shown} holds a backslash: to Linux that is no directory"
        return found("backslash-path", message, "pack with / between the parts of a name")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return found("control-character", f"the name {shown} holds a control character", "rename it")
    return None


def _kind_fault(entry: TarEntry, path: str) -> Finding | None:
    shown = printable(path)
    if entry.is_directory or entry.is_file:
        return None
    if entry.kind == tarfile.SYMTYPE:
        message = f"{shown} is a symbolic link to {printable(entry.link)}, which the container would not have"
        return found("symlink", message, "put a copy of the file in its place: tar -h")
    if entry.kind == tarfile.LNKTYPE:
        message = f"{shown} is a hard link to {printable(entry.link)}"
        return found("hardlink", message, "put a copy of the file in its place: tar --hard-dereference")
    kind = _KINDS.get(entry.kind, f"of an unknown kind ({entry.kind!r})")
    return found("special-file", f"{shown} is {kind}, not a regular file", "leave it out")


def _conflict(path: str) -> Finding:
    message = f"{printable(path)} is a file and a directory at once"
    return found("path-conflict", message, "pack it again: one of them can't be unpacked")

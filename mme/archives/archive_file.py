"""Read a tar.gz once: list its members, cache the start of its files, and report what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Final

from mme.archives.contents import ContentReader, Contents
from mme.archives.errors import UnreadableArchiveError
from mme.archives.gzip_stream import CHUNK_BYTES, Digest, GzipStream, Limits
from mme.archives.member_findings import member_findings, path_conflict
from mme.archives.model_directory import Member, is_junk, is_left_out
from mme.archives.tar_stream import TarEntry, TarStream, printable
from mme.findings import Finding, Severity

_SHOWN_PER_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What was read.

    Attributes:
        contents: Its files and directories, as far as they can be unpacked.
        findings: In the order found.
        packed_bytes: Bytes read of the archive; None for a directory.
        complete: Whether all of it was read.
    """

    contents: Contents
    findings: tuple[Finding, ...]
    packed_bytes: int | None
    complete: bool


def read_archive(
    source: IO[bytes], limits: Limits | None = None, digest: Digest | None = None
) -> ArchiveFile:
    """Read an open tar.gz from front to back. Nothing is written to disk, and memory stays below 100 MB.

    Args:
        source: Read once; neither sought nor closed.
        limits: When to stop.
        digest: Receives all uncompressed bytes.
    """
    limits = limits or Limits()
    stream = GzipStream(iter(partial(source.read, CHUNK_BYTES), b""), limits, digest)
    reading = _Reading(stream)
    complete = True
    try:
        tar = TarStream(stream, limits)
        for entry in tar:
            reading.take(entry, tar)
        reading.findings += _end_findings(stream, tar)
    except UnreadableArchiveError as stopped:
        reading.findings.append(stopped.finding)
        complete = False
    contents = reading.contents()
    if (
        complete
        and not contents.files
        and not any(one.severity is Severity.ERROR for one in reading.findings)
    ):
        hint = "pack the model's directory itself: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
        text = "the archive holds directories only" if contents.members else "the archive holds no file"
        reading.findings.append(Finding.error("empty-archive", text, hint))
    return ArchiveFile(contents, tuple(combined(reading.findings)), stream.packed_bytes, complete)


def combined(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first few findings of each code; the last of them says how many more there are."""
    findings = list(findings)
    totals = Counter(finding.code for finding in findings)
    shown: Counter[str] = Counter()
    result = []
    for finding in findings:
        shown[finding.code] += 1
        more = totals[finding.code] - _SHOWN_PER_CODE
        if shown[finding.code] == _SHOWN_PER_CODE and more > 0:
            result.append(replace(finding, message=f"{finding.message} (and {more} more of this kind)"))
        elif shown[finding.code] <= _SHOWN_PER_CODE:
            result.append(finding)
    return result


def _end_findings(stream: GzipStream, tar: TarStream) -> list[Finding]:
    findings = []
    if tar.bytes_after_end:
        text = "there is data after the tar's end mark, as of a second tar appended to it"
        findings.append(
            Finding.warning("data-after-end", text, "it is never unpacked: pack everything in one go")
        )
    if not tar.ended:
        hint = "unpackers accept it; if packing was interrupted, pack it again"
        findings.append(Finding.note("tar-not-ended", "the tar has no end mark", hint))
    if stream.trailing_bytes:
        hint = "pack it again: unpackers ignore them or refuse the file"
        text = f"{stream.trailing_bytes} bytes follow the gzip data"
        findings.append(Finding.warning("trailing-data", text, hint))
    return findings


class _Reading:
    def __init__(self, stream: GzipStream) -> None:
        self._members: dict[str, Member] = {}
        self._reader = ContentReader(lambda: stream.packed_bytes)
        self._junk: list[str] = []
        self.findings: list[Finding] = []

    def take(self, entry: TarEntry, tar: TarStream) -> None:
        faults = member_findings(entry)
        self.findings += faults
        path = "/".join(entry.parts)
        if path and not any(fault.severity is Severity.ERROR for fault in faults):
            member = Member(path, entry.unpacked_size, entry.is_directory, entry.executable)
            self._add(member, tar, readable=not (entry.sparse or entry.is_directory))

    def contents(self) -> Contents:
        """Ends the reading."""
        if self._junk:
            first = ", ".join(printable(path) for path in self._junk[:3])
            rest = f" and {len(self._junk) - 3} more" if len(self._junk) > 3 else ""
            message = f"files that tools leave behind: {first}{rest}"
            self.findings.append(Finding.note("junk", message, "leave them out; mme models add does"))
        self._conflicts()
        return Contents(self._members.values(), self._reader.notes)

    def _add(self, member: Member, tar: TarStream, *, readable: bool) -> None:
        path = member.path
        known = self._members.get(path)
        if known and not (known.is_directory and member.is_directory):
            if known.is_directory != member.is_directory:
                self.findings.append(path_conflict(path))
                return
            hint = "the last one wins; pack it again so that only one is there"
            message = f"{printable(path)} is in the archive twice"
            self.findings.append(Finding.warning("duplicate-member", message, hint))
        self._members[path] = member
        parts = path.split("/")
        if any(part.startswith("PaxHeader") for part in parts) and not known:
            message = f"{printable(path)} is a header that a tar program took for a file"
            hint = "remove the PaxHeader directories and pack it again"
            self.findings.append(Finding.warning("pax-leftovers", message, hint))
        elif any(is_junk(part) or is_left_out(part) for part in parts) and not known:
            self._junk.append(path)
        if readable and self._reader.wants(path, member.size):
            self._reader.read(path, member.size, tar)

    def _conflicts(self) -> None:
        for path in list(self._members):
            parent = path.rpartition("/")[0]
            while parent:
                above = self._members.get(parent)
                if above and not above.is_directory:
                    self.findings.append(path_conflict(parent))
                    self._members[parent] = Member(parent, 0, is_directory=True)
                parent = parent.rpartition("/")[0]

"""Unpack a tar.gz into a folder as it arrives, refusing everything that could do harm."""

from __future__ import annotations

import errno
import shutil
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from mme.archives.errors import UnreadableArchiveError
from mme.archives.gzip_stream import CHUNK_BYTES, MAX_MEMBERS, GzipStream, Limits, too_large
from mme.archives.member_findings import member_findings
from mme.archives.tar_stream import TarEntry, TarStream, printable
from mme.findings import Finding, Severity

_TAR_OVERHEAD_BYTES: Final = 32 * 1024 * 1024  # headers and padding


def unpack(
    chunks: Iterable[bytes],
    folder: Path,
    *,
    max_bytes: int,
    max_members: int = MAX_MEMBERS,
    reserve: Callable[[int], None] = lambda _: None,
) -> int:
    """Unpack a tar.gz into a folder and return the bytes of its files. A failure leaves no folder.

    Refused are links, devices, sparse files, absolute paths, `..`, damaged and cut off archives, and those
    that exceed a limit.

    Args:
        chunks: The compressed bytes. What the iterator raises ends the unpacking.
        folder: Created; must not exist.
        max_bytes: Limit for all files together.
        max_members: Limit for files and directories together.
        reserve: Called with the bytes of each file before it is written. What it raises ends the unpacking.

    Raises:
        UnreadableArchiveError: The archive is refused.
        OSError: The disk is full.
    """
    folder.mkdir(parents=True)
    limits = Limits(max_bytes + _TAR_OVERHEAD_BYTES, ratio=sys.maxsize, members=max_members)
    total = 0
    try:
        stream = GzipStream(chunks, limits)
        tar = TarStream(stream, limits)
        for entry in tar:
            fault = _refusal(entry)
            if fault is None and total + entry.size > max_bytes:
                fault = too_large(max_bytes)
            if fault:
                raise UnreadableArchiveError(fault)
            if not entry.is_directory:
                reserve(entry.size)
            total += entry.size
            _write(entry, tar, folder)
        if stream.trailing_bytes:
            text = f"{stream.trailing_bytes} bytes follow the gzip data"
            raise UnreadableArchiveError(Finding.warning("trailing-data", text, "pack it again"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return total


def _refusal(entry: TarEntry) -> Finding | None:
    for finding in member_findings(entry):
        if finding.severity is Severity.ERROR or entry.sparse:
            return finding
    return None


def _write(entry: TarEntry, tar: TarStream, folder: Path) -> None:
    target = folder.joinpath(*entry.parts)
    try:
        if entry.is_directory:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while block := tar.read(CHUNK_BYTES):
                file.write(block)
        if entry.executable:
            target.chmod(target.stat().st_mode | stat.S_IXUSR)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        # A file in the place of a directory, or a NUL in a name.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        text = f"{printable(entry.name)} can't be written: {reason}"
        raise UnreadableArchiveError(Finding.error("not-writable", text, "pack it again")) from None

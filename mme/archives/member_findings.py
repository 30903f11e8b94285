"""What is wrong with one member's name and kind, before anything is unpacked."""

from __future__ import annotations

import tarfile
from typing import Final

from mme.archives.model_directory import MAX_DEPTH, too_deep
from mme.archives.tar_stream import TarEntry, printable
from mme.findings import Finding, Severity

_MAX_NAME_BYTES: Final = 255
_MAX_PATH_BYTES: Final = 4096
_KINDS: Final = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    b"V": "a volume label",
    b"M": "the rest of a file of another volume",
}


def member_findings(entry: TarEntry) -> list[Finding]:
    """Return what is wrong with a member. It must not be unpacked if one of the findings is an error."""
    name_finding = _path_finding(entry) or _name_finding(entry)
    if name_finding and name_finding.severity is Severity.ERROR:
        return [name_finding]
    return [finding for finding in (name_finding, _kind_finding(entry)) if finding]


def path_conflict(path: str) -> Finding:
    """Return the finding for a path that is a file and a directory."""
    message = f"{printable(path)} is a file and a directory at once"
    return Finding.error("path-conflict", message, "pack it again: one of them can't be unpacked")


def _path_finding(entry: TarEntry) -> Finding | None:
    name, parts, shown = entry.name, entry.parts, _shown(entry.name)
    if not parts and not entry.is_directory:
        return Finding.error("nameless-file", "a file in the archive has no name", "pack it again")
    if not name.strip("/"):
        text = "a directory has an empty name, as tarfile's arcname=basename('dir/') makes it"
        return Finding.warning(
            "empty-name", text, "some unpackers stop there: pack with arcname='.' or mme models add"
        )
    if name.startswith("/"):
        hint = "pack with relative names: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
        return Finding.error("absolute-path", f"the member {shown} has an absolute path", hint)
    if ".." in parts:
        hint = "pack from the model's directory, so that no name has .. in it"
        return Finding.error("path-escapes", f"the member {shown} leads out through ..", hint)
    return too_deep(shown) if len(parts) > MAX_DEPTH else None


def _name_finding(entry: TarEntry) -> Finding | None:
    name, shown = entry.name, _shown(entry.name)
    try:
        encoded = [part.encode("utf-8") for part in entry.parts]
    except UnicodeEncodeError:
        return Finding.error("name-encoding", f"the name {shown} is not UTF-8", "rename it")
    if "\x00" in name:
        text = f"the name {shown} holds a null character, at which unpackers cut it or stop"
        return Finding.error("name-encoding", text, "rename it")
    if len(b"/".join(encoded)) > _MAX_PATH_BYTES or any(len(part) > _MAX_NAME_BYTES for part in encoded):
        text = f"the name {shown} is longer than a file system takes"
        return Finding.error("name-too-long", text, "rename it: 255 bytes a name, 4096 a path")
    if "\\" in name:
        text = f"the name {shown} holds a backslash, which does not separate directories on Linux"
        return Finding.warning("backslash-path", text, "pack with / between the parts of a name")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return Finding.warning(
            "control-character", f"the name {shown} holds a control character", "rename it"
        )
    return None


def _kind_finding(entry: TarEntry) -> Finding | None:
    shown = printable("/".join(entry.parts))
    if entry.sparse and entry.is_file:
        hint = "not every unpacker knows them: pack without tar's -S"
        return Finding.note("sparse-file", f"{shown} is a sparse file", hint)
    if entry.is_directory or entry.is_file:
        return None
    if entry.kind == tarfile.SYMTYPE:
        text = f"{shown} is a symbolic link to {printable(entry.link)}, which the container does not have"
        return Finding.error("symlink", text, "put a copy of the file in its place: tar -h")
    if entry.kind == tarfile.LNKTYPE:
        text = f"{shown} is a hard link to {printable(entry.link)}"
        return Finding.error("hardlink", text, "put a copy of the file in its place: tar --hard-dereference")
    kind = _KINDS.get(entry.kind, f"of an unknown kind ({entry.kind!r})")
    return Finding.error("special-file", f"{shown} is {kind}, not a regular file", "leave it out")


def _shown(name: str) -> str:
    return printable(name if len(name) <= 80 else f"{name[:40]}...")

"""Files that are not a complete gzipped tar, and forbidden members."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

from tests.archives.archive_builder import (
    CODE,
    CONFIG,
    FLAT,
    LFS_POINTER,
    edited,
    member,
    nameless,
    pack,
    tar,
    with_kind,
    with_link,
)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.pbtxt", CONFIG)
    return buffer.getvalue()


def bad_checksum(content: bytearray) -> None:
    content[148:156] = b"0000000\0"


def second_header_broken(content: bytearray) -> None:
    content[1024 + 100 : 1024 + 108] = b"zzzzzzz\0"


def huge_pax_header() -> bytes:
    info = member("x", b"", tarfile.XHDTYPE)
    info.size = 2**33
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + tar(FLAT), mtime=0)


def pax_header(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A flat model after a pax header of one block."""
    info = member("x", b"", kind)
    info.size = 512
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + records.ljust(512, b"\0") + tar(FLAT), mtime=0)


WHOLE = pack(FLAT)
FILES: dict[str, tuple[bytes, str, str]] = {
    # the file
    "empty file": (b"", "empty-file", "the file is empty"),
    "zip": (zipped(), "other-compression", "it is a zip file"),
    "bzip2": (bz2.compress(tar(FLAT)), "other-compression", "compressed with bzip2"),
    "xz": (lzma.compress(tar(FLAT)), "other-compression", "compressed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(50), "other-compression", "compressed with zstd"),
    "a server's error page": (b"<?xml version='1.0'?><Error/>", "other-compression", "a server's error page"),
    "a pickle": (b"\x80\x04\x95" + bytes(50), "other-compression", "a Python pickle"),
    "uncompressed tar": (tar(FLAT), "not-compressed", "it is an uncompressed tar"),
    "Git LFS pointer": (LFS_POINTER.encode(), "lfs-pointer", "a Git LFS pointer"),
    "something else": (b"hello there", "not-gzip", "it starts with b'hello th'"),
    "gzip of gzip": (gzip.compress(WHOLE), "not-a-tar", "what is inside is compressed with gzip"),
    "gzip of one file": (gzip.compress(CODE.encode()), "not-a-tar", "what is inside is not a tar"),
    "cut off in the middle": (WHOLE[:-40], "truncated", "ends in the middle, after"),
    "cut off in the checksum": (WHOLE[:-3], "truncated", "ends in the middle"),
    "a bit flipped": (WHOLE[:-6] + bytes([WHOLE[-6] ^ 1]) + WHOLE[-5:], "gzip-damaged", "incorrect checksum"),
    "a block overwritten": (WHOLE[:20] + b"\xff" * 9 + WHOLE[29:], "gzip-damaged", "is damaged near byte"),
    "bytes after the end": (WHOLE + b"junk", "trailing-data", "4 bytes follow the gzip data"),
    "a second tar appended": (gzip.compress(tar(FLAT) * 2), "data-after-end", "as of a second tar"),
    "no end mark": (gzip.compress(tar(FLAT)[:2048]), "tar-not-ended", "no end mark"),
    "tar cut off in a file": (
        gzip.compress(tar(FLAT)[:600]),
        "tar-truncated",
        "in the middle of config.pbtxt",
    ),
    "tar cut off in a header": (gzip.compress(tar(FLAT)[:1300]), "tar-truncated", "after config.pbtxt"),
    "first header broken": (edited(bad_checksum), "not-a-tar", "what is inside is an uncompressed tar"),
    "second header broken": (edited(second_header_broken), "tar-damaged", "after config.pbtxt"),
    "extended header of 8 GB": (huge_pax_header(), "header-too-large", "claim 8,589,935,104 bytes"),
    "broken pax header": (pax_header(b"nonsense" * 64), "pax-damaged", "a pax header of the tar is damaged"),
    "pax header too long": (pax_header(b"999 path=x\n"), "pax-damaged", "a pax header of the tar is damaged"),
    "one name for all": (
        pax_header(b"10 path=x\n", b"g"),
        "pax-damaged",
        "names or sizes all members at once",
    ),
    "null character": (pax_header(b"12 path=a\0b\n"), "name-encoding", "holds a null character"),
    "empty gzip": (gzip.compress(b""), "empty-archive", "holds no file"),
    "empty tar": (pack({}), "empty-archive", "holds no file"),
    "only directories": (pack({"1": None}), "empty-archive", "holds directories only"),
    # members
    "absolute path": (pack({**FLAT, "/etc/passwd": "x"}), "absolute-path", "/etc/passwd has an absolute"),
    "parent directory": (pack({**FLAT, "1/../../x": "x"}), "path-escapes", "1/../../x leads out"),
    "empty-named directory": (nameless("/", tarfile.DIRTYPE), "empty-name", "a directory has an empty name"),
    "nameless file": (nameless("", tarfile.REGTYPE), "nameless-file", "has no name"),
    "symbolic link": (
        with_link("1/w", "/opt/w", tarfile.SYMTYPE),
        "symlink",
        "1/w is a symbolic link to /opt/w",
    ),
    "hard link": (with_link("1/w", "1/model.py", tarfile.LNKTYPE), "hardlink", "a hard link to 1/model.py"),
    "named pipe": (with_kind("1/p", tarfile.FIFOTYPE), "special-file", "1/p is a named pipe"),
    "device": (with_kind("1/d", tarfile.CHRTYPE), "special-file", "1/d is a device"),
    "unknown kind": (with_kind("1/u", b"Z"), "special-file", "1/u is of an unknown kind"),
    "file twice": (
        pack(FLAT, (member("config.pbtxt", CONFIG.encode()), CONFIG.encode())),
        "duplicate-member",
        "config.pbtxt is in the archive twice",
    ),
    "file and directory": (
        pack({**FLAT, "a": "x", "a/b": "y"}),
        "path-conflict",
        "a is a file and a directory",
    ),
    "Windows path": (pack({**FLAT, "1\\weights": "x"}), "backslash-path", "holds a backslash"),
    "line break in a name": (pack({**FLAT, "1/a\nb": "x"}), "control-character", "'1/a\\nb' holds"),
    "name not UTF-8": (pack({**FLAT, "1/\udcff": "x"}), "name-encoding", "is not UTF-8"),
    "nested too deeply": (pack({**FLAT, "/".join("d" * 101): "x"}), "too-deep", "more than 100 directories"),
    "name too long": (pack({**FLAT, "1/" + "n" * 300: "x"}), "name-too-long", "longer than a file system"),
    "macOS files": (
        pack({**FLAT, "._config.pbtxt": "x", "1/.DS_Store": "x"}),
        "junk",
        "._config.pbtxt, 1/.DS",
    ),
    "PaxHeader directory": (pack({**FLAT, "PaxHeaders.1/x": "x"}), "pax-leftovers", "a tar program took"),
}

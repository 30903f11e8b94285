"""What kind of file some bytes are, by how they start."""

from __future__ import annotations

from typing import Final

GZIP_MAGIC: Final = b"\x1f\x8b"

GZIP_KIND: Final = "compressed with gzip"
TAR_KIND: Final = "an uncompressed tar"

_TAR_MAGIC: Final = slice(257, 262)
_PICKLES: Final = (
    b"\x80",
    b"ccopy_reg\n",
    GZIP_MAGIC,
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
)
"""How pickles of an object begin (protocol 2 or later, or before), and what joblib compresses them with."""
_ZLIB: Final = 0x78
_KINDS: Final = (
    (b"PK\x03\x04", "a zip file"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (b"Rar!\x1a\x07", "a RAR file"),
    (b"\x1f\x9d", "compressed with compress (.Z)"),
    (GZIP_MAGIC, GZIP_KIND),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points to"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"<", "HTML or XML, such as a server's error page"),
)


def file_kind(head: bytes) -> str | None:
    """Describe a file by its first bytes (at least 262 of them to recognise a tar); None if unknown."""
    if head[_TAR_MAGIC] == b"ustar":
        return TAR_KIND
    return next((kind for magic, kind in _KINDS if head.startswith(magic)), None)


def is_lfs_pointer(head: bytes) -> bool:
    """Return whether a file is a Git LFS pointer, to which the large file was never fetched."""
    return head.startswith(b"version https://git-lfs")


def may_be_estimator(name: str, head: bytes) -> bool:
    """Return whether a file can be what its ending says: a pickle, joblib's file, or a zip file of skops.

    Args:
        name: Of the file.
        head: Its first bytes.
    """
    if name.endswith(".skops"):
        return head.startswith(b"PK\x03\x04")
    # zlib's two first bytes are a multiple of 31.
    return head.startswith(_PICKLES) or (head[:1] == bytes([_ZLIB]) and int.from_bytes(head[:2]) % 31 == 0)

"""Unpacking for the local endpoint: a round trip, and dangerous archives are refused."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack
from tests.archives.archive_builder import Files, member, pack, tar

MIB = 1024 * 1024
Member = tuple[tarfile.TarInfo, bytes]


def special(name: str, kind: bytes, link: str = "") -> Member:
    info = member(name, b"", kind)
    info.linkname = link
    return info, b""


def with_pax(content: bytes, headers: dict[str, str]) -> bytes:
    info = member("holes", content)
    info.pax_headers = headers
    return pack({}, (info, content))


def extended(kind: bytes, size: int, content: bytes) -> bytes:
    info = member("header", b"", kind)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT) + content


def test_files_are_written_after_their_space_is_reserved(tmp_path: Path) -> None:
    data = pack({"config.pbtxt": "abc", "1/model.py": "defg"})
    reserved: list[int] = []
    assert unpack([data], tmp_path / "h", max_bytes=100, reserve=reserved.append) == 7
    assert (tmp_path / "h" / "1" / "model.py").read_bytes() == b"defg"
    assert reserved == [3, 4]


def test_executables_stay_executable(tmp_path: Path) -> None:
    stub = member("stub")
    stub.mode = 0o755
    unpack([pack({"plain": "x"}, (stub, b"x"))], tmp_path / "h", max_bytes=100)
    assert [bool((tmp_path / "h" / name).stat().st_mode & 0o100) for name in ("stub", "plain")] == [
        True,
        False,
    ]


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_any_division_into_chunks_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    content = tar({"a/b": "hello" * 30})
    data = (
        gzip.compress(content[:700], mtime=0) + gzip.compress(content[700:]) + bytes(16)
    )  # two gzip members
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    folder = tmp_path_factory.mktemp("chunks") / "h"
    unpack([*chunks, data[at:]], folder, max_bytes=1000)
    assert (folder / "a" / "b").read_bytes() == b"hello" * 30


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ({"../evil": "x"}, "leads out through"),
        ({"/etc/evil": "x"}, "absolute path"),
        ({"a/../../evil": "x"}, "leads out through"),
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "a symbolic link"),
        (special("hard", tarfile.LNKTYPE, "x"), "a hard link"),
        (special("device", tarfile.CHRTYPE), "a device"),
        (special("pipe", tarfile.FIFOTYPE), "a named pipe"),
        (special("holes", tarfile.GNUTYPE_SPARSE), "sparse file"),
        ({"big": "x" * 1001}, "more than 1,000 bytes"),
        ({"fine/below-a-file": "x"}, "can't be written"),
        ({"fine": None}, "can't be written"),
        ({"x" * 300: "x"}, "longer than a file system takes"),
        ({"/".join("x" * 101): "x"}, "more than 100 directories"),
    ],
)
def test_dangerous_members_are_refused_and_leave_nothing(
    tmp_path: Path, added: Files | Member, reason: str
) -> None:
    data = (
        pack({"fine": "x"}, added) if isinstance(added, tuple) else pack({}, *members({"fine": "x"}, added))
    )
    with pytest.raises(UnreadableArchiveError, match=reason):
        unpack([data], tmp_path / "h", max_bytes=1000)
    assert not (tmp_path / "h").exists()


def members(*groups: Files) -> Iterator[Member]:
    for files in groups:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            yield member(name, raw), raw or b""


WHOLE = pack({"a": "x" * 600, "b": ""})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"no archive", "not a gzipped tar archive"),
        (gzip.compress(b"no tar", mtime=0), "what is inside is not a tar"),
        (WHOLE[:60], "ends in the middle"),
        (WHOLE[:-1], "ends in the middle"),
        (WHOLE[:-9], "ends in the middle"),
        (WHOLE[:-8] + bytes([WHOLE[-8] ^ 1]) + WHOLE[-7:], "incorrect checksum"),
        (WHOLE + b"junk", "4 bytes follow the gzip data"),
        (with_pax(b"x", {"size": str(-(2**60))}), "a member has the size '-1152921504606846976'"),
        (gzip.compress(tar({"a": "x"}) + bytes(40 * MIB), 1), "unpacks to more than"),
        (
            gzip.compress(extended(tarfile.XHDTYPE, 14, b"14 comment=ab\n".ljust(512, b"\0")) * 5000),
            "extended headers before a member",
        ),
    ],
    # The bytes would differ between workers: gzip headers hold the time.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_incomplete_archive_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableArchiveError, match=reason):
        unpack([data], tmp_path / "h", max_bytes=1000)
    assert not (tmp_path / "h").exists()


@given(bit=st.integers(0, 512 * 8 - 1), member_number=st.integers(0, 1))
def test_one_flipped_bit_of_a_header_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, bit: int, member_number: int
) -> None:
    content = bytearray(tar({"a": "x" * 600, "b": "y"}))
    start = (0, 512 + 1024)[member_number]
    content[start + bit // 8] ^= 1 << bit % 8
    folder = tmp_path_factory.mktemp("bit") / "h"
    try:
        unpack([gzip.compress(bytes(content), mtime=0)], folder, max_bytes=1000)
    except UnreadableArchiveError:
        assert not folder.exists()
    else:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "x" * 600, "b": "y"}


def test_every_member_counts_so_that_empty_ones_do_not_use_up_the_inodes(tmp_path: Path) -> None:
    unpack([pack({str(n): None for n in range(10)})], tmp_path / "ten", max_bytes=1, max_members=10)
    with pytest.raises(UnreadableArchiveError, match="more than 10 members"):
        unpack([pack({str(n): "" for n in range(11)})], tmp_path / "h", max_bytes=1, max_members=10)
    assert not (tmp_path / "h").exists()


SPARSE_MAP = b"3000000\n" + b"0\n" * 3_000_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *(
            (gzip.compress(extended(kind, 64 * MIB, bytes(64 * MIB))), r"claim 67,109,\d+ bytes")
            for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
        ),
        *(
            (with_pax(SPARSE_MAP, headers), "is a sparse file")
            for headers in (
                {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes"},
                {"GNU.sparse.size": "9", "GNU.sparse.map": "0,9"},
                {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "1"},
            )
        ),
    ],
)
def test_large_headers_and_sparse_maps_are_refused_before_they_are_read(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableArchiveError, match=reason):
            unpack([data], tmp_path / "h", max_bytes=10**9)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_a_failing_source_stops_unpacking_and_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield WHOLE[:20]
        raise ConnectionError("lost")

    with pytest.raises(ConnectionError):
        unpack(chunks(), tmp_path / "h", max_bytes=10**6)
    assert not (tmp_path / "h").exists()

"""Unpacking of hostile and damaged archives."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def a_file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def test_files_are_written_after_their_space_is_reserved(tmp_path: Path) -> None:
    data = archive(a_file("config.pbtxt", b"abc"), a_file("1/model.py", b"defg"))
    reserved: list[int] = []
    assert unpack([data], tmp_path / "h", max_bytes=100, reserve=reserved.append) == 7
    assert (tmp_path / "h" / "1" / "model.py").read_bytes() == b"defg"
    assert reserved == [3, 4]


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_chunk_boundaries_do_not_matter(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    data = archive(a_file("a/b", b"hello" * 30))
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    pieces.append(data[at:])
    folder = tmp_path_factory.mktemp("pieces") / "h"
    unpack(pieces, folder, max_bytes=1000)
    assert (folder / "a" / "b").read_bytes() == b"hello" * 30


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (a_file("../evil"), "leads out through"),
        (a_file("/etc/evil"), "absolute path"),
        (a_file("a/../../evil"), "leads out through"),
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "a symbolic link"),
        (special("hard", tarfile.LNKTYPE, "x"), "a hard link"),
        (special("device", tarfile.CHRTYPE), "a device"),
        (special("pipe", tarfile.FIFOTYPE), "a named pipe"),
        (special("holes", tarfile.GNUTYPE_SPARSE), "sparse file"),
        (a_file("big", b"x" * 1001), "more than 1,000 bytes"),
        (a_file("fine/below-a-file"), "can't be written"),
        (special("fine", tarfile.DIRTYPE), "can't be written"),
        (a_file("x" * 300), "longer than a file system takes"),
        (a_file("/".join(["x" * 90] * 60)), "longer than a file system takes"),
        (a_file("/".join("x" * 101)), "more than 100 directories"),
    ],
)
def test_dangerous_members_are_refused(
    tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    with pytest.raises(UnreadableArchiveError, match=reason):
        unpack([archive(a_file("fine"), member)], tmp_path / "h", max_bytes=1000)
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"no archive", "not a gzipped tar archive"),
        (gzip.compress(b"no tar"), "what is inside is not a tar"),
        (archive(a_file("a", b"x" * 999))[:60], "ends in the middle"),
        (archive(a_file("a")) + b"junk", "4 bytes follow the gzip data"),
    ],
    ids=["empty", "text", "gzip without tar", "cut off", "trailing bytes"],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableArchiveError, match=reason):
        unpack([data], tmp_path / "h", max_bytes=1000)
    assert not (tmp_path / "h").exists()


def test_empty_members_count_too(tmp_path: Path) -> None:
    folders = archive(*(special(f"d{n}", tarfile.DIRTYPE) for n in range(10)))
    unpack([folders], tmp_path / "ten", max_bytes=1, max_members=10)
    files = archive(*(a_file(f"f{n}", b"") for n in range(11)))
    with pytest.raises(UnreadableArchiveError, match="more than 10 members"):
        unpack([files], tmp_path / "h", max_bytes=1000, max_members=10)
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_giant_header_is_not_read(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 64 * 1024 * 1024
    data = gzip.compress(info.tobuf() + bytes(info.size))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableArchiveError, match=r"claim 67,109,\d+ bytes"):
            unpack([data], tmp_path / "h", max_bytes=10**9)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_member_of_negative_size_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("negative")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 11 + b"\x00"  # -256 in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(UnreadableArchiveError, match="negative size"):
        unpack([gzip.compress(bytes(header) + bytes(1024))], tmp_path / "h", max_bytes=1000)


def test_a_negative_size_in_an_extended_header_is_refused(tmp_path: Path) -> None:
    member, content = a_file("refund", b"x" * 10)
    member.pax_headers = {"size": str(-(2**60))}
    with pytest.raises(UnreadableArchiveError, match="a member has the size '-1152921504606846976'"):
        unpack([archive((member, content))], tmp_path / "h", max_bytes=1000)


@pytest.mark.parametrize(
    "says",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes"},
        {"GNU.sparse.size": "9", "GNU.sparse.map": "0,9"},
        {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "1"},
    ],
)
def test_the_map_of_a_sparse_file_is_not_read_into_memory(tmp_path: Path, says: dict[str, str]) -> None:
    member, content = a_file("holes", b"3000000\n" + b"0\n" * 3_000_000)
    member.pax_headers = says
    data = archive((member, content))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableArchiveError, match="is a sparse file"):
            unpack([data], tmp_path / "h", max_bytes=10**9)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_nested_extended_headers_are_limited(tmp_path: Path) -> None:
    says = b"14 comment=ab\n"
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XHDTYPE, len(says)
    block = header.tobuf(tarfile.USTAR_FORMAT) + says.ljust(512, b"\0")
    data = gzip.compress(block * 5000 + tarfile.TarInfo("f").tobuf() + bytes(1024))
    with pytest.raises(UnreadableArchiveError, match="extended headers before a member"):
        unpack([data], tmp_path / "h", max_bytes=1000)


def test_padding_after_the_end_is_limited(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb", "wb", compresslevel=1) as bomb:
        bomb.write(gzip.decompress(archive(a_file("a"))))
        for _ in range(40):
            bomb.write(bytes(1024 * 1024))
    with pytest.raises(UnreadableArchiveError, match="unpacks to more than"):
        unpack([(tmp_path / "bomb").read_bytes()], tmp_path / "h", max_bytes=1000)


@pytest.mark.parametrize("cut", [-1, -8, -9, -20])
def test_a_missing_end_is_found_even_if_all_members_are_whole(tmp_path: Path, cut: int) -> None:
    data = archive(a_file("a", b"x" * 600), a_file("b"))
    with pytest.raises(UnreadableArchiveError, match="ends in the middle"):
        unpack([data[:cut]], tmp_path / "h", max_bytes=10**6)


def test_the_checksum_is_verified(tmp_path: Path) -> None:
    data = bytearray(archive(a_file("a", b"x" * 600)))
    data[-8] ^= 1
    with pytest.raises(UnreadableArchiveError, match="incorrect checksum"):
        unpack([bytes(data)], tmp_path / "h", max_bytes=10**6)


def test_several_gzip_members_are_one_archive(tmp_path: Path) -> None:
    tar = gzip.decompress(archive(a_file("a", b"x" * 600), a_file("b", b"y")))
    data = gzip.compress(tar[:700]) + gzip.compress(tar[700:]) + bytes(16)
    unpack([data[:100], data[100:]], tmp_path / "h", max_bytes=10**6)
    assert (tmp_path / "h" / "a").read_bytes() == b"x" * 600
    assert (tmp_path / "h" / "b").read_bytes() == b"y"


def test_what_the_chunks_raise_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield archive(a_file("a", b"x" * 600))[:20]
        raise ConnectionError("lost")

    with pytest.raises(ConnectionError):
        unpack(chunks(), tmp_path / "h", max_bytes=10**6)
    assert not (tmp_path / "h").exists()

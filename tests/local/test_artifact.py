from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.local.artifact import BadArchiveError, unpack


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


def test_files_land_in_a_folder_named_model(tmp_path: Path) -> None:
    data = archive(a_file("config.pbtxt", b"abc"), a_file("1/model.py", b"defg"))
    artifact = unpack([data], tmp_path / "h", most_bytes=100)
    assert artifact.path == tmp_path / "h" / "model"
    assert (artifact.path / "1" / "model.py").read_bytes() == b"defg"
    assert artifact.unpacked_bytes == 7
    artifact.remove()
    assert list(tmp_path.iterdir()) == []


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_any_division_into_pieces_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    data = archive(a_file("a/b", b"hello" * 30))
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    pieces.append(data[at:])
    folder = tmp_path_factory.mktemp("pieces") / "h"
    assert (unpack(pieces, folder, most_bytes=1000).path / "a" / "b").read_bytes() == b"hello" * 30


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (a_file("../evil"), "leads out of its folder"),
        (a_file("/etc/evil"), "leads out of its folder"),
        (a_file("a/../../evil"), "leads out of its folder"),
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "link or a special file"),
        (special("hard", tarfile.LNKTYPE, "x"), "link or a special file"),
        (special("device", tarfile.CHRTYPE), "link or a special file"),
        (special("pipe", tarfile.FIFOTYPE), "link or a special file"),
        (a_file("big", b"x" * 1001), "disk limit"),
    ],
)
def test_dangerous_members_are_refused_and_leave_nothing(
    tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    with pytest.raises(BadArchiveError, match=reason):
        unpack([archive(a_file("fine"), member)], tmp_path / "h", most_bytes=1000)
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", gzip.compress(b"no tar"), archive(a_file("a", b"x" * 999))[:60]],
    ids=["empty", "text", "gzip without tar", "cut off"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadArchiveError, match="not a gzipped tar"):
        unpack([data], tmp_path / "h", most_bytes=1000)
    assert not (tmp_path / "h").exists()

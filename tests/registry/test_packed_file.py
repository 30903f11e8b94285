"""A failed pack leaves no file."""

from __future__ import annotations

import hashlib
import stat
import tarfile
from pathlib import Path

import pytest

from mme.archives.errors import ArchiveError
from mme.errors import MmeError
from mme.registry.packed_file import pack_to_file


def test_same_bytes_each_time(make_directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    progress: list[tuple[int, int]] = []
    packed = pack_to_file(make_directory(), on_progress=lambda done, total: progress.append((done, total)))
    assert packed.path == Path("doubler.tar.gz")
    assert packed.size == packed.path.stat().st_size
    assert progress[-1][0] == progress[-1][1]
    with tarfile.open(packed.path) as tar:
        assert "config.pbtxt" in tar.getnames()
    first = hashlib.sha256(packed.path.read_bytes()).digest()
    again = pack_to_file(make_directory(), replace=True)
    assert hashlib.sha256(again.path.read_bytes()).digest() == first
    assert again.digest == packed.digest
    assert stat.S_IMODE(packed.path.stat().st_mode) & 0o400
    assert list(tmp_path.glob(".doubler*")) == []


def test_places_that_are_refused(make_directory, tmp_path: Path) -> None:
    model = make_directory()
    (tmp_path / "there.tar.gz").write_text("mine")
    for output, message in (
        (tmp_path / "there.tar.gz", "exists already"),
        (tmp_path, "is a directory"),
        (model / "1" / "x.tar.gz", "is in the model's directory"),
        (tmp_path / "absent" / "x.tar.gz", "can't be written: no such file or directory"),
    ):
        with pytest.raises(MmeError, match=message):
            pack_to_file(model, output)
    assert (tmp_path / "there.tar.gz").read_text() == "mine"


def test_file_removed_while_packed(make_directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_directory()

    def remove(done: int, total: int) -> None:
        (model / "1" / "model.py").unlink(missing_ok=True)

    with pytest.raises(ArchiveError, match=r"1/model\.py changed while it was packed: no such file"):
        pack_to_file(model, on_progress=remove)
    assert [path.name for path in tmp_path.iterdir()] == ["registry"]

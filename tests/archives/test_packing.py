"""Packing is deterministic, and fails if a file changes meanwhile."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import tarfile
import tempfile
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.archives.errors import ArchiveError
from mme.archives.model_directory import scan_directory
from mme.archives.packing import (
    IN_MEMORY_BYTES,
    digest_directory,
    pack_directory,
    tar_size,
    write_archive,
)


def pack(path: Path | str) -> bytes:
    return pack_directory(scan_directory(path))[1]


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return opened.getnames()


def test_flat_and_sorted(good_model: Path) -> None:
    assert names(pack(good_model)) == ["1", "1/model.py", "config.pbtxt"]


def test_trailing_slash_changes_nothing(good_model: Path) -> None:
    assert pack(str(good_model)) == pack(f"{good_model}/")


def test_times_owners_and_permissions_change_nothing(good_model: Path) -> None:
    before = pack(good_model)
    os.utime(good_model / "config.pbtxt", (1, 1))
    (good_model / "config.pbtxt").chmod(0o600)
    assert pack(good_model) == before
    with tarfile.open(fileobj=io.BytesIO(before)) as opened:
        for member in opened:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mode == (0o755 if member.isdir() else 0o644)


def test_executables_stay_executable(good_model: Path) -> None:
    stub = good_model / "triton_python_backend_stub"
    stub.write_bytes(b"")
    stub.chmod(0o700)
    with tarfile.open(fileobj=io.BytesIO(pack(good_model))) as opened:
        assert opened.getmember("triton_python_backend_stub").mode == 0o755


def test_junk_is_left_out(good_model: Path) -> None:
    clean = pack(good_model)
    for path in ("1/__pycache__/model.cpython-311.pyc", ".git/HEAD", "1/.DS_Store", "a.pyc", "1/._model.py"):
        (good_model / path).parent.mkdir(parents=True, exist_ok=True)
        (good_model / path).write_bytes(b"x")
    assert pack(good_model) == clean


def test_gzip_header_holds_neither_time_nor_name(good_model: Path) -> None:
    header = pack(good_model)[:10]
    assert header[:4] == b"\x1f\x8b\x08\x00"
    assert header[4:8] == bytes(4)


def test_content_changes_the_digest(good_model: Path) -> None:
    before = digest_directory(scan_directory(good_model)).digest
    (good_model / "1" / "model.py").write_text("other")
    assert digest_directory(scan_directory(good_model)).digest != before


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 MB, the first 12 noise: far over what packing may hold in memory."""
    root = tmp_path_factory.mktemp("large")
    (root / "1").mkdir()
    noise = random.Random(7).randbytes(12 * 1024 * 1024 + 17)  # noqa: S311
    with (root / "1" / "model.bin").open("wb") as weights:
        weights.write(noise)
        weights.truncate(96 * 1024 * 1024)
    return root


def test_large_archives_are_the_same_whatever_the_threads(large_model: Path) -> None:
    directory = scan_directory(large_model)
    assert tar_size(directory) > IN_MEMORY_BYTES
    outcomes = set()
    for threads in (1, 2, 3):
        out = io.BytesIO()
        packed = write_archive(directory, out, threads=threads)
        outcomes.add((packed, out.getvalue()))
    assert len(outcomes) == 1
    packed, archive = outcomes.pop()
    tar = gzip.decompress(archive)
    assert hashlib.sha256(tar).hexdigest() == packed.digest
    assert len(tar) == packed.tar_bytes == tar_size(directory)
    assert digest_directory(directory) == packed


def test_memory_stays_bounded(large_model: Path) -> None:
    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return len(data)  # type: ignore[arg-type]

    directory = scan_directory(large_model)
    tracemalloc.start()
    try:
        write_archive(directory, Nowhere(), threads=2)
        # isal's queues hold some blocks a thread, more of them while other work slows the sink.
        assert tracemalloc.get_traced_memory()[1] < 48 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("change", ["grown", "shrunk", "gone", "link", "pipe", "parent is a link"])
def test_a_file_that_changes_after_the_scan(good_model: Path, change: str) -> None:
    directory = scan_directory(good_model)
    model = good_model / "1" / "model.py"
    if change == "gone":
        model.unlink()
    elif change == "link":
        content = model.read_bytes()
        model.unlink()
        (good_model / "same").write_bytes(content)
        model.symlink_to("../same")
    elif change == "pipe":
        model.unlink()
        os.mkfifo(model)
    elif change == "parent is a link":
        elsewhere = (good_model / "1").rename(good_model.parent / "elsewhere")
        (good_model / "1").symlink_to(elsewhere)
    else:
        model.write_bytes(model.read_bytes() + b"x" if change == "grown" else b"")
    with pytest.raises(ArchiveError) as caught:
        pack_directory(directory)
    assert caught.value.codes == ("changed-while-packed",)
    assert "1/model.py" in caught.value.message


def test_links_are_followed_within_the_directory(good_model: Path) -> None:
    """A Hugging Face cache, a link to a directory, and a link to a link."""
    hub = good_model / "1" / "hub" / "models--x"
    for folder in ("blobs", "snapshots/r1"):
        (hub / folder).mkdir(parents=True)
    (hub / "blobs" / "abc").write_bytes(b"weights")
    (hub / "snapshots" / "r1" / "model.safetensors").symlink_to("../../blobs/abc")
    (good_model / "1" / "latest").symlink_to("hub/models--x/snapshots/r1")
    (good_model / "again").symlink_to(good_model / "1" / "latest" / "model.safetensors")
    directory = scan_directory(good_model, follow_links=True)
    _, packed = pack_directory(directory)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {one.name: archive.extractfile(one) for one in archive if one.isfile()}
        assert not [one for one in archive if one.issym() or one.islnk()]
        for name in ("again", "1/latest/model.safetensors", "1/hub/models--x/snapshots/r1/model.safetensors"):
            file = files[name]
            assert file is not None
            assert file.read() == b"weights"


@pytest.mark.parametrize("target", ["/etc/hosts", "../outside", "nowhere", "loop", ".", "..", ".env", "1/.."])
def test_links_that_lead_elsewhere_are_not_followed(good_model: Path, target: str) -> None:
    (good_model.parent / "outside").write_text("x")
    (good_model / ".env").write_text("SECRET=1")
    (good_model / "loop").symlink_to("loop")
    (good_model / "1" / "x").symlink_to(target if target.startswith("/") else f"../{target}")
    with pytest.raises(ArchiveError) as caught:
        scan_directory(good_model, follow_links=True)
    assert "1/x is a symbolic link" in str(caught.value)
    assert set(caught.value.codes) == {"symlink"}


def test_a_followed_link_that_changes_after_the_scan(good_model: Path) -> None:
    (good_model / "real").write_bytes(b"x" * 10)
    (good_model / "1" / "x").symlink_to("../real")
    directory = scan_directory(good_model, follow_links=True)
    (good_model / "real").unlink()
    (good_model / "real").symlink_to("/etc/hosts")
    with pytest.raises(ArchiveError) as caught:
        pack_directory(directory)
    assert caught.value.codes == ("changed-while-packed",)


def test_a_directory_that_changes_during_the_scan(good_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link or a named pipe in the place of what the listing showed is neither followed nor waited for."""
    (good_model.parent / "secret").write_text("x")
    real = os.scandir

    class Swapping:
        def __init__(self, folder: int) -> None:
            self._listed = real(folder)

        def __enter__(self) -> list[os.DirEntry[str]]:
            with self._listed as entries:
                listed = list(entries)
            if any(entry.name == "model.py" for entry in listed):
                (good_model / "1" / "model.py").unlink()
                os.mkfifo(good_model / "1" / "model.py")
            elif not (good_model / "1").is_symlink():
                (good_model / "2").mkdir()
                shutil.move(good_model / "config.pbtxt", good_model.parent / "config.pbtxt")
                (good_model / "config.pbtxt").symlink_to(good_model.parent / "secret")
            return listed

        def __exit__(self, *_: object) -> None:
            """Closed on entry."""

    monkeypatch.setattr(os, "scandir", Swapping)
    with pytest.raises(ArchiveError) as caught:
        scan_directory(good_model)
    assert caught.value.codes == ("unreadable", "unreadable")
    assert "1/model.py can't be read: not a regular file" in str(caught.value)


def test_a_deep_directory_and_a_long_path(tmp_path: Path) -> None:
    (tmp_path / "m" / "/".join("d" * 101)).mkdir(parents=True)
    with pytest.raises(ArchiveError) as caught:
        scan_directory(tmp_path / "m")
    assert caught.value.codes == ("too-deep",)
    with pytest.raises(ArchiveError, match="no such directory"):
        scan_directory("x" * 5000)


def test_what_the_listener_raises_stops_the_packing(large_model: Path) -> None:
    class StopError(Exception):
        pass

    def stop(_: int) -> None:
        raise StopError

    before = threading.active_count()
    with pytest.raises(StopError):
        write_archive(scan_directory(large_model), io.BytesIO(), on_bytes=stop, threads=2)
    assert threading.active_count() == before


file_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=60
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)
trees = st.dictionaries(
    st.lists(file_names, min_size=1, max_size=3).map(tuple), st.binary(max_size=2000), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(trees)
def test_any_tree_comes_back_as_it_was(tree: dict[tuple[str, ...], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written: dict[str, bytes] = {}
        for parts, content in tree.items():
            target = Path(folder).joinpath(*parts)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            except OSError:
                continue  # one name as a file and as a directory
            written["/".join(parts)] = content
        try:
            directory = scan_directory(folder)
        except ArchiveError:
            return  # nothing but junk
        packed, archive = pack_directory(directory)
        assert pack_directory(scan_directory(f"{folder}/")) == (packed, archive)
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            inside = {
                member.name: opened.extractfile(member).read()  # type: ignore[union-attr]
                for member in opened
                if member.isfile()
            }
        packed_paths = {member.path for member in directory.members if not member.is_directory}
        assert inside == {path: content for path, content in written.items() if path in packed_paths}
        assert packed.unpacked_bytes == sum(map(len, inside.values()))


@pytest.mark.parametrize("length", [95, 96, 97, 98, 99, 100, 101, 155, 256, 300])
def test_size_is_known_before_packing_whatever_the_names(tmp_path: Path, length: int) -> None:
    name = "x" * min(length, 200) if length <= 200 else "d" * 100 + "/" + "x" * (length - 101)
    for path in (tmp_path / name, tmp_path / f"{'e' * (length % 90)}ü"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("content")
    directory = scan_directory(tmp_path)
    assert digest_directory(directory).tar_bytes == tar_size(directory)

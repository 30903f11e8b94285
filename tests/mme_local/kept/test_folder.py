"""A runtime's folder: its state stays, the rest does not, and one runtime has it at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.kept.folder import LOCK, STATE, FolderLock, RuntimeFolder

HOLDER = """
import sys, signal
from pathlib import Path
from mme_local.kept.folder import FolderLock
lock = FolderLock(Path(sys.argv[1]))
assert lock.take()
print("taken", flush=True)
signal.pause()
"""


def test_all_goes_but_the_state(tmp_path: Path) -> None:
    folder = RuntimeFolder(tmp_path / "new", 4747)
    folder.open()
    assert folder.path == tmp_path / "new" / "port-4747"
    (folder.state / "kept").touch()
    (folder.path / "triton").mkdir()
    (folder.path / "file").touch()
    (folder.path / "link").symlink_to(tmp_path)
    folder.close()
    folder.open()
    assert sorted(path.name for path in folder.path.iterdir()) == [LOCK, STATE]
    assert [path.name for path in folder.state.iterdir()] == ["kept"]
    assert folder.state.stat().st_mode & 0o777 == 0o700
    assert tmp_path.is_dir()
    folder.close()
    folder.open(fresh=True)
    assert list(folder.state.iterdir()) == []
    folder.close()


def test_one_runtime_has_it_at_a_time(tmp_path: Path) -> None:
    first, second = RuntimeFolder(tmp_path, 1), RuntimeFolder(tmp_path, 1)
    first.open()
    (first.state / "kept").touch()
    for fresh in (False, True):
        with pytest.raises(MmeError, match="in use by another local runtime") as caught:
            second.open(fresh=fresh)
        assert "--folder" in str(caught.value.hint)
    assert [path.name for path in first.state.iterdir()] == ["kept"]
    RuntimeFolder(tmp_path, 2).open()
    first.close()
    second.open()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "taken\n"
    lock = FolderLock(tmp_path)
    assert not lock.take()
    assert lock.holder() == str(holder.pid)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert lock.take()
    lock.release()


def test_a_lock_that_somebody_made_a_link_of_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "port-1").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "port-1" / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(MmeError, match="can't be used"):
        RuntimeFolder(tmp_path, 1).open()
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("what", ["a file", "a file in its place"])
def test_a_folder_that_can_not_be_used_is_one_clear_error(tmp_path: Path, what: str) -> None:
    if what == "a file":
        (tmp_path / "f").touch()
    else:
        (tmp_path / "f").mkdir()
        (tmp_path / "f" / "port-1").touch()
    with pytest.raises(MmeError, match=r"can't be used: (Not a directory|File exists)"):
        RuntimeFolder(tmp_path / "f", 1).open()

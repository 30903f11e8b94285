from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local import run_files


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def written(port: int, workdir: Path, **changes: object) -> run_files.RunFile:
    workdir = workdir.with_name(f"mme-local-{workdir.name}")
    workdir.mkdir(parents=True)
    workdir.chmod(0o700)
    here = replace(run_files.own_run_file(port, workdir), **changes)  # type: ignore[arg-type]
    here.write()
    return here


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_file_is_written_read_and_removed(root: Path) -> None:
    here = written(1234, root / "work")
    assert run_files.read_run_file(1234) == here
    assert here.alive()
    here.remove()
    assert not (root / "mme-local-work").exists()
    assert not (root / "state" / "sagemaker-mme").exists()


def test_files_of_killed_runtimes_are_removed(root: Path) -> None:
    alive = written(1, root / "alive")
    written(2, root / "dead", pid=ended_pid())
    written(3, root / "reused", started=1.0)  # the pid was reused
    assert run_files.running() == [alive]
    assert [folder.name for folder in root.iterdir() if folder.name != "state"] == ["mme-local-alive"]
    assert [here.port for here in run_files.all_run_files()] == [1]


def test_removing_an_old_runtime_spares_a_new_one_on_its_port(root: Path) -> None:
    old = written(1, root / "old", pid=ended_pid())
    new = written(1, root / "new")
    old.remove()
    assert run_files.read_run_file(1) == new
    assert not (root / "mme-local-old").exists()
    assert (root / "mme-local-new").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"port": 1}', "no json"])
def test_an_invalid_run_file_is_ignored(root: Path, content: str) -> None:
    folder = run_files.make_folder(7)
    (folder / run_files.FILE_NAME).write_text(content)
    assert run_files.read_run_file(7) is None
    assert run_files.running() == []


def test_a_run_file_deletes_only_the_folder_of_a_local_endpoint(root: Path) -> None:
    data = root / "data"
    data.mkdir()
    (root / "mme-local-link").symlink_to(data)
    for port, workdir in enumerate((data, root / "mme-local-link")):
        replace(run_files.own_run_file(port, workdir), pid=ended_pid()).write()
    assert run_files.running() == []
    assert data.is_dir()


def break_mode(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def break_owner(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a folder of another user")
    folder.mkdir()
    os.chown(folder, 65534, 65534)


def break_link(folder: Path) -> None:
    target = folder.with_name("elsewhere")
    target.mkdir()
    folder.symlink_to(target)


@pytest.mark.parametrize("broken", [break_mode, break_owner, break_link])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_that_others_can_change_is_refused(
    root: Path, broken: Callable[[Path], None], depth: int
) -> None:
    folder = root / "state"
    for name in ("sagemaker-mme", "local", "4747")[: depth + 1]:
        folder.mkdir(mode=0o700)
        folder /= name
    broken(folder)
    with pytest.raises(MmeError, match="is not a folder that only you can change") as caught:
        run_files.make_folder(4747)
    assert "XDG_STATE_HOME" in str(caught.value.hint)
    assert run_files.read_run_file(4747) is None


def test_a_state_folder_that_is_open_to_all_is_refused(root: Path) -> None:
    break_mode(root / "state")
    with pytest.raises(MmeError, match="other users can replace files"):
        run_files.make_folder(4747)


def test_a_folder_that_cannot_be_made_is_one_clear_error(root: Path) -> None:
    (root / "state").write_text("a file")
    with pytest.raises(MmeError, match="can't be made: ") as caught:
        run_files.make_folder(4747)
    assert "XDG_STATE_HOME" in str(caught.value.hint)


def test_shared_memory_of_killed_runtimes_is_removed(root: Path) -> None:
    dead, alive = written(1, root / "dead", pid=ended_pid()), written(2, root / "alive")
    regions = [Path(f"/dev/shm/mme_{one.pid}_{root.name}") for one in (dead, alive)]
    for region in regions:
        region.touch()
    try:
        run_files.running()
        assert [region.exists() for region in regions] == [False, True]
    finally:
        for region in regions:
            region.unlink(missing_ok=True)

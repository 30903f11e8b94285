from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mme_local import run_files


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def written(port: int, workdir: Path, **changes: object) -> run_files.RunFile:
    workdir.mkdir(parents=True)
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
    assert not (root / "work").exists()
    assert not (root / "state" / "sagemaker-mme").exists()


def test_files_of_killed_runtimes_are_removed(root: Path) -> None:
    alive = written(1, root / "alive")
    written(2, root / "dead", pid=ended_pid())
    written(3, root / "reused", started=1.0)  # the pid was reused
    assert run_files.running() == [alive]
    assert [folder.name for folder in root.iterdir() if folder.name != "state"] == ["alive"]
    assert [here.port for here in run_files.all_run_files()] == [1]


def test_removing_an_old_runtime_spares_a_new_one_on_its_port(root: Path) -> None:
    old = written(1, root / "old", pid=ended_pid())
    new = written(1, root / "new")
    old.remove()
    assert run_files.read_run_file(1) == new
    assert not (root / "old").exists()
    assert (root / "new").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"port": 1}', "no json"])
def test_an_invalid_run_file_is_ignored(root: Path, content: str) -> None:
    folder = run_files.state_root() / "7"
    folder.mkdir(parents=True)
    (folder / run_files.FILE_NAME).write_text(content)
    assert run_files.read_run_file(7) is None
    assert run_files.running() == []

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mme_local import run_files as state


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def written(port: int, workdir: Path, **changes: object) -> state.RuntimeState:
    workdir.mkdir(parents=True)
    here = replace(state.own_state(port, workdir), **changes)  # type: ignore[arg-type]
    here.write()
    return here


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_written_is_read(root: Path) -> None:
    here = written(1234, root / "work")
    assert state.read_state(1234) == here
    assert here.alive()
    here.remove()
    assert not (root / "work").exists()
    assert not (root / "state" / "sagemaker-mme").exists()


def test_all_that_killed_runtimes_left_is_removed_on_whatever_port(root: Path) -> None:
    alive = written(1, root / "alive")
    written(2, root / "dead", pid=ended_pid())
    written(3, root / "reused", started=1.0)  # the pid is somebody else's now
    assert state.running() == [alive]
    assert [folder.name for folder in root.iterdir() if folder.name != "state"] == ["alive"]
    assert [here.port for here in state.all_states()] == [1]


def test_removing_an_old_runtime_spares_the_new_one_on_its_port(root: Path) -> None:
    old = written(1, root / "old", pid=ended_pid())
    new = written(1, root / "new")
    old.remove()
    assert state.read_state(1) == new
    assert not (root / "old").exists()
    assert (root / "new").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"port": 1}', "no json"])
def test_a_file_that_is_no_state_is_no_runtime(root: Path, content: str) -> None:
    folder = state.state_root() / "7"
    folder.mkdir(parents=True)
    (folder / state.FILE_NAME).write_text(content)
    assert state.read_state(7) is None
    assert state.running() == []

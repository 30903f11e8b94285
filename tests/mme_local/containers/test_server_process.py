"""The process group of a server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from mme_local.containers.server_process import ServerProcess
from tests.waiting import wait_for


async def test_a_group_is_ended_once_and_with_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    killpg = os.killpg
    monkeypatch.setattr(os, "killpg", lambda pid, number: (sent.append((pid, number)), killpg(pid, number)))
    process = ServerProcess(30)
    script = "sleep 600 & echo $!; exit 3"
    pid = await process.start(["sh", "-c", script], {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "log")
    assert await process.wait() == 3
    child = int((tmp_path / "log").read_text())

    def ended() -> bool:
        try:
            return psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_for(ended)
    # A later process group may have the same number.
    assert await process.stop()
    assert sent == [(pid, signal.SIGKILL)]


async def test_a_server_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    process = ServerProcess(0.2)
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    await process.start(["sh", "-c", script], {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "log")
    wait_for((tmp_path / "log").read_text)
    assert await process.stop()
    assert await process.wait() == -signal.SIGKILL
    assert process.pid is None

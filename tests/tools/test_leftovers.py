from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import leftovers


def test_a_living_process_and_a_remaining_file_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_GONE_SECONDS", 0)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        family = leftovers.descendants(process.pid)
        assert leftovers.still_alive(family, tmp_path, tmp_path / "gone") == [
            f"process {process.pid}",
            str(tmp_path),
        ]
    finally:
        process.communicate(b"\n")
    assert leftovers.still_alive(family) == []
    assert leftovers.descendants(process.pid) == []

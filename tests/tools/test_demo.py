"""The part of the demo that needs Java."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import demo


def test_without_java_the_second_endpoint_is_skipped_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[str] = []
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "run", lambda command, _: commands.append(" ".join(command)))
    made = demo.call_xgboost(demo.Steps(), {"AWS_ENDPOINT_URL": "http://localhost:4747"})
    assert (made, commands) == (None, ["mme local status --port 4747"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "skipped" in line]
    assert line.startswith("   skipped: there is no Java runtime")
    assert 'pip install "sagemaker-mme[local-cpu]"' in line

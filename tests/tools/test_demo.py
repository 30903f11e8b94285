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


@pytest.mark.parametrize("style", ["{}", "\x1b[2m{}\x1b[0m"])
def test_the_first_call_takes_as_long_as_the_command_printed(style: str) -> None:
    line = style.format("add_sub_v0.tar.gz answered in 1508.3 ms")
    assert demo.answered_in(f"OUTPUT  TYPE\n{line}\n") == pytest.approx(1.5083)
    with pytest.raises(demo.DemoError, match="printed no duration"):
        demo.answered_in("OUTPUT  TYPE\n")

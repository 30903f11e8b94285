from __future__ import annotations

from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.logs import deleted_afterwards, last_line, rotate, start_failure


def test_a_long_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "e-AllTraffic-0.log"
    with log.open("ab") as container:
        container.write(b"".join(b"line %03d\n" % n for n in range(100)))
        container.flush()
        rotate(tmp_path, 900)
        assert not (tmp_path / "e-AllTraffic-0.log.1").exists()
        container.write(b"one more\n")
        container.flush()
        rotate(tmp_path, 900)
        rotated = (tmp_path / "e-AllTraffic-0.log.1").read_bytes().splitlines()
        assert len(rotated) == 49
        assert rotated[-1] == b"one more"
        assert rotated[0].startswith(b"line 0"), "a whole line"
        container.write(b"and on\n")
    assert log.read_bytes() == b"and on\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("starting\nready \n\n", "ready"),
        (
            "java.io.IOException: no room\n\tat a.b.C(D.java:1)\n\t... 3 more\n",
            "java.io.IOException: no room",
        ),
        (
            "Invalid maximum heap size: -Xmx1x\nError: Could not create the Java Virtual Machine.\n"
            "Error: A fatal exception has occurred. Program will exit.\n",
            "Invalid maximum heap size: -Xmx1x",
        ),
        ('Traceback:\n  File "a.py", line 1\nValueError: x\n', "ValueError: x"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_last_line_that_tells_something(tmp_path: Path, text: str, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert last_line(log) == line
    assert last_line(tmp_path / "missing") == ""


@pytest.mark.parametrize(("hint", "begin"), [("", ""), ("wait", "wait; or ")])
def test_a_failed_start_names_a_log_that_the_user_can_read(tmp_path: Path, hint: str, begin: str) -> None:
    log = tmp_path / "log"
    log.write_text("bad flag\nUsage: x\n  --help\n")
    error = start_failure("it ended", log, hint=hint, before="Usage: x")
    assert error.message == "it ended; the last line of its log: bad flag"
    assert error.hint == f"{begin}read its log: {log}"
    with pytest.raises(MmeError) as raised, deleted_afterwards(log):
        raise error
    assert raised.value.hint == f"{begin}deploy it to mme local up, which stores the whole log"

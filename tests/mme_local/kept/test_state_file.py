"""The state's file: whole or not at all, and read only where it is ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mme_local.kept.state_file import StateFile, StateUnreadableError


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return StateFile(folder / "embedded-aws")


def test_nothing_was_kept_yet(file: StateFile) -> None:
    assert file.read() is None


def test_what_is_written_is_read_and_replaced(file: StateFile) -> None:
    for content in (b"one", b"", b"three\n\x00"):
        file.write(content)
        assert file.read() == content
    assert [path.name for path in file.path.parent.iterdir()] == ["embedded-aws"]
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_what_was_there(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        file.write(b"two")
    assert file.read() == b"one"


def test_a_draft_that_a_killed_runtime_left_is_written_over(file: StateFile) -> None:
    file.path.with_suffix(".draft").write_bytes(b"half of somethi")
    assert file.read() is None
    file.write(b"one")
    assert file.read() == b"one"


def other_version(content: bytes) -> bytes:
    line, _, rest = content.partition(b"\n")
    return json.dumps(json.loads(line) | {"moto": "5.0.0", "Python": "3.99"}).encode() + b"\n" + rest


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-1], "it is damaged: it holds 9 of 10 bytes"),
        (lambda content: content + b"x", "it is damaged: it holds 11 of 10 bytes"),
        (lambda content: content[:-1] + b"x", "it is damaged: its checksum is wrong"),
        (lambda content: content[10:], "it is damaged: its first line is not what it was"),
        (lambda _: b"", "it is damaged: its first line is not what it was"),
        (lambda _: b"[1]\n", "it is damaged: its first line is not what it was"),
        (lambda _: b"\xff" * 9000, "it is damaged: its first line is not what it was"),
        (other_version, "it was written by moto 5.0.0, Python 3.99; this is moto "),
    ],
)
def test_what_is_not_as_it_was_is_refused_and_stays(
    file: StateFile, damage: Callable[[bytes], bytes], reason: str
) -> None:
    file.write(b"0123456789")
    damaged = damage(file.path.read_bytes())
    file.path.write_bytes(damaged)
    with pytest.raises(StateUnreadableError) as caught:
        file.read()
    assert caught.value.reason.startswith(reason)
    assert caught.value.path == file.path
    assert file.path.read_bytes() == damaged


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(file: StateFile, mode: int) -> None:
    file.write(b"one")
    file.path.chmod(mode)
    with pytest.raises(StateUnreadableError, match="others may write to it"):
        file.read()


def test_a_folder_that_others_may_write_is_refused(file: StateFile) -> None:
    file.write(b"one")
    file.path.parent.chmod(0o770)
    with pytest.raises(StateUnreadableError, match="others may write to it") as caught:
        file.read()
    assert caught.value.path == file.path.parent


def test_a_file_of_another_user_is_refused(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(b"one")
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    with pytest.raises(StateUnreadableError, match="it belongs to another user"):
        file.read()


def test_something_that_is_no_file_is_refused(file: StateFile) -> None:
    file.path.mkdir()
    with pytest.raises(StateUnreadableError, match="Is a directory"):
        file.read()

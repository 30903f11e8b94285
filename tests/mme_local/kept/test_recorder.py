from __future__ import annotations

import logging
import threading

import pytest

from mme_local.kept.recorder import Recorder


class Saves:
    """Saves that can be made to fail, and can be waited for."""

    def __init__(self) -> None:
        self.fails: list[Exception] = []
        self.number = 0
        self._changed = threading.Condition()

    def save(self) -> None:
        with self._changed:
            self.number += 1
            self._changed.notify_all()
            if self.fails:
                raise self.fails.pop(0)

    def wait(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.number >= number, 20)


def test_a_change_is_saved_and_the_end_too() -> None:
    saves = Saves()
    recorder = Recorder(saves.save, seconds=0)
    recorder.start()
    assert recorder.saved is None
    recorder.changed()
    saves.wait(1)
    recorder.changed()
    saves.wait(2)
    recorder.stop()
    assert saves.number == 3
    assert recorder.saved is not None


def test_many_changes_are_saved_at_once() -> None:
    saves = Saves()
    recorder = Recorder(saves.save, seconds=600)
    recorder.start()
    recorder.changed()
    saves.wait(1)
    for _ in range(100):
        recorder.changed()
    recorder.stop()
    assert saves.number == 2


def test_a_failure_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    saves = Saves()
    saves.fails = [OSError("no space"), OSError("no space"), OSError("no space")]
    recorder = Recorder(saves.save, seconds=0, retry_seconds=0.01)
    with caplog.at_level(logging.ERROR):
        recorder.start()
        recorder.changed()
        saves.wait(3)
        assert recorder.fault == "OSError: no space"
        saves.wait(4)
        recorder.stop()
    assert recorder.fault is None
    assert len(caplog.records) == 1
    assert "can't be kept" in caplog.text

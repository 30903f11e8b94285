"""A signal ends a command: uploads are aborted, and the handlers are restored."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from mme.cli.ending import cleaned_up_when_ended
from mme.registry.upload import NewArchive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_as_an_exception(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    put_away = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            threading.Event().wait(30)
        finally:
            put_away.append(True)

    with pytest.raises(SystemExit) as ended, cleaned_up_when_ended():
        work()
    assert (put_away, ended.value.code) == ([True], 128 + number)
    assert signal.getsignal(number) == before


def test_in_another_thread_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with cleaned_up_when_ended():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


def test_publishing_ended_by_a_signal_leaves_no_part(aws, mme, tmp_path, monkeypatch) -> None:
    model = tmp_path / "large"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(
        'backend: "python"\n'
        'input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]\n'
        'output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]\n'
    )
    (model / "1" / "model.py").write_text("class TritonPythonModel:\n    def execute(self, requests): ...\n")
    (model / "1" / "weights.bin").write_bytes(os.urandom(20 * 1024 * 1024))
    sent = []

    real = NewArchive.write

    def write(self, data: object) -> int:
        count = real(self, data)
        if self.size > 10 * 1024 * 1024 and not sent:
            sent.append(aws.list_multipart_uploads(Bucket="models")["Uploads"][0]["Key"])
            os.kill(os.getpid(), signal.SIGTERM)
        return count

    monkeypatch.setattr(NewArchive, "write", write)
    ran = mme("models", "add", model)
    assert (ran.status, ran.out) == (128 + signal.SIGTERM, ""), ran.err
    assert sent == ["models/large_v0.tar.gz"]
    assert aws.list_multipart_uploads(Bucket="models").get("Uploads", []) == []
    assert aws.list_objects_v2(Bucket="models")["KeyCount"] == 0
    monkeypatch.setattr(NewArchive, "write", real)
    assert mme("models", "add", model).status == 0

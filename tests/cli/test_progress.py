"""What users see of long work, and what a signal leaves of it."""

from __future__ import annotations

import os
import signal

import pytest

from mme.cli.progress import publishing
from mme.registry.upload import NewArchive

RETRY = "retrying S3 answered SlowDown"


@pytest.mark.parametrize(
    ("count", "reported"),
    [
        (0, []),
        (1, [RETRY]),
        (
            5,
            [
                RETRY,
                RETRY,
                f"{RETRY}; further retries are counted, not shown",
                "retried 5 requests in all, successfully",
            ],
        ),
    ],
)
def test_only_the_first_retries_are_reported(
    capsys: pytest.CaptureFixture[str], count: int, reported: list[str]
) -> None:
    with publishing(1, 100) as listener:
        for _ in range(count):
            listener.retried("SlowDown")
        listener.advanced("model", 100, 100)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()) == ("", reported)


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

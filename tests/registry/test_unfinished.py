"""Killed uploads are cleared away by whoever comes next, and living ones are left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from mme.registry import Journal, ModelStore, find_models, publish_all
from mme.registry.unfinished import UnfinishedUploads

SIZE = 20 * 1024 * 1024

KILLED = """
import os, signal, sys
from pathlib import Path
import boto3
from mme.registry import Journal, ModelStore, find_models, publish_all

class Listener:
    def advanced(self, model, done, total):
        if done > total * 3 // 4:
            os.kill(os.getpid(), signal.SIGKILL)

url, model, journal = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
memory = Journal(Path(journal))
publish_all(ModelStore(s3, "models", ""), find_models([model], memory).models, Listener(), journal=memory)
"""


@pytest.fixture
def uploads(tmp_path: Path) -> UnfinishedUploads:
    return UnfinishedUploads(tmp_path / "uploads")


def begun(s3, key: str = "models/x_v0.tar.gz") -> str:
    return s3.create_multipart_upload(Bucket="models", Key=key)["UploadId"]


def under_way(s3) -> list[str]:
    return [one["Key"] for one in s3.list_multipart_uploads(Bucket="models").get("Uploads", [])]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


def test_killed_publisher(server: str, make_directory, tmp_path: Path) -> None:
    s3 = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    s3.create_bucket(Bucket="models")
    model, journal = make_directory(content=os.urandom(SIZE)), tmp_path / "cache" / "journal.json"
    command = [sys.executable, "-c", KILLED, server, str(model), str(journal)]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert under_way(s3) == ["doubler_v0.tar.gz"]
    memory = Journal(journal)
    (outcome,) = publish_all(
        ModelStore(s3, "models", ""), find_models([model], memory).models, journal=memory
    )
    assert (outcome.created, outcome.version) == (True, 0)
    assert under_way(s3) == []
    assert list((journal.parent / "uploads").iterdir()) == []


def test_living_uploads_are_left_alone(s3, uploads: UnfinishedUploads) -> None:
    note = uploads.note(s3, "models", "models/x_v0.tar.gz", begun(s3))
    assert note is not None
    assert uploads.abort_abandoned(s3, "models") == []
    assert under_way(s3) == ["models/x_v0.tar.gz"]
    note.close(upload_gone=True)
    assert uploads.abort_abandoned(s3, "models") == []
    assert under_way(s3) == ["models/x_v0.tar.gz"]


def test_what_could_not_be_aborted_is_aborted_later(s3, uploads: UnfinishedUploads, monkeypatch) -> None:
    note = uploads.note(s3, "models", "models/x_v0.tar.gz", begun(s3))
    assert note is not None
    note.close(upload_gone=False)
    assert uploads.abort_abandoned(s3, "other") == []

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "AbortMultipartUpload")

    with monkeypatch.context() as patch:
        patch.setattr(s3, "abort_multipart_upload", refuse)
        assert uploads.abort_abandoned(s3, "models") == []
    assert uploads.abort_abandoned(s3, "models") == ["models/x_v0.tar.gz"]
    assert under_way(s3) == []
    assert uploads.abort_abandoned(s3, "models") == []


def test_upload_that_is_gone_already(s3, uploads: UnfinishedUploads, tmp_path: Path) -> None:
    upload = begun(s3)
    note = uploads.note(s3, "models", "models/x_v0.tar.gz", upload)
    assert note is not None
    note.close(upload_gone=False)
    s3.abort_multipart_upload(Bucket="models", Key="models/x_v0.tar.gz", UploadId=upload)
    uploads.abort_abandoned(s3, "models")
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", json.dumps({"url": "x"}).encode()])
def test_damaged_notes(s3, uploads: UnfinishedUploads, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "1.json").write_bytes(content)
    assert uploads.abort_abandoned(s3, "models") == []
    assert list((tmp_path / "uploads").iterdir()) == []


def test_place_that_cannot_be_written(s3, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    uploads = UnfinishedUploads(tmp_path / "file" / "uploads")
    assert uploads.note(s3, "models", "key", "upload") is None
    assert uploads.abort_abandoned(s3, "models") == []

"""`mme archives explain`: status, text in 80 columns, JSON, and archives in S3."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from mme.archives.explain import explain
from mme.archives.s3_archive import S3Url, explain_object
from mme.cli.archives import app
from mme.cli.deployment import Target
from mme.errors import MmeError
from tests.archives.archive_builder import CONFIG, FLAT, PIPELINE, flat, pack

DECOUPLED = pack(flat(CONFIG + "model_transaction_policy { decoupled: true }"))


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "m_v0.tar.gz"
        path.write_bytes(content)
        return str(path)

    return write


def run(*arguments: str, target: Target | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["explain", *arguments], obj=target, env={"COLUMNS": "80"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_a_sound_archive_exits_with_0(archive: Callable[[bytes], str]) -> None:
    status, text = run(archive(pack(PIPELINE)))
    assert status == 0
    assert "It would be served" in text
    assert "both/" in text
    assert "a step of the ensemble" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "m_v0.tar.gz" not in line)


def test_a_broken_archive_exits_with_2_and_prints_the_hint(archive: Callable[[bytes], str]) -> None:
    status, text = run(archive(DECOUPLED))
    assert status == 2
    assert "It would not be served: 1 error" in text
    assert "[decoupled]" in text
    assert "remove model_transaction_policy" in text


def test_json_is_the_explanation(archive: Callable[[bytes], str]) -> None:
    path = archive(DECOUPLED)
    status, text = run(path, "--json")
    assert status == 2
    assert json.loads(text) == explain(path).to_json()


def test_the_endpoint_counts(archive: Callable[[bytes], str]) -> None:
    path = archive(pack(flat(CONFIG + "instance_group { kind: KIND_GPU }")))
    assert run(path, "--instance-type", "ml.g5.xlarge")[0] == 0
    assert run(path, "--processor", "cpu")[0] == 2


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    for path, content in FLAT.items():
        (tmp_path / path).write_text(str(content))
    status, text = run(str(tmp_path))
    assert status == 0
    assert "A directory, read as it would be packed" in text


def test_markup_in_names_is_text(archive: Callable[[bytes], str]) -> None:
    status, text = run(archive(pack({**FLAT, "[bold]/x": "x", "1/[/red]\n": "x"})))
    assert status == 0
    assert "[/red]" in text


class _Deployed:
    bucket = "models"
    prefix = "live/"


class _Target(Target):
    """A deployment whose store is known without stacks."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.__dict__["clients"] = SimpleNamespace(s3=client)
        self.__dict__["deployment"] = _Deployed()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="models")
        client.put_object(Bucket="models", Key="live/a/m_v0.tar.gz", Body=pack(FLAT))
        yield client


@pytest.mark.parametrize("source", ["s3://models/live/a/m_v0.tar.gz", "a/m_v0.tar.gz"])
def test_an_archive_in_s3(s3: Any, source: str) -> None:
    status, text = run(source, "--json", target=_Target(s3))
    assert status == 0
    assert json.loads(text)["source"] == "s3://models/live/a/m_v0.tar.gz"
    assert json.loads(text)["packed_bytes"] == len(pack(FLAT))


def test_a_missing_object(s3: Any) -> None:
    with pytest.raises(MmeError, match="there is no s3://models/live/absent"):
        explain_object(s3, S3Url("models", "live/absent.tar.gz"))


@pytest.mark.parametrize("source", ["/absent_v0.tar.gz", "./absent_v0.tar.gz", "../absent_v0.tar.gz"])
def test_a_missing_path_is_not_taken_for_a_published_model(s3: Any, source: str) -> None:
    done = CliRunner().invoke(app, ["explain", source], obj=_Target(s3))
    assert isinstance(done.exception, MmeError)
    assert done.exception.message == f"{source!r} can't be read: no such file or directory"


def test_a_missing_bucket(s3: Any) -> None:
    with pytest.raises(MmeError, match=r"there is no bucket .absent., and so no s3://absent/x\.tar\.gz"):
        explain_object(s3, S3Url("absent", "x.tar.gz"))


@pytest.mark.parametrize("text", ["http://host/m.tar.gz", "file:///m.tar.gz", "gs://b/m.tar.gz"])
def test_a_url_of_another_kind(text: str) -> None:
    with pytest.raises(MmeError, match=f"{text!r} can't be read; archives are files and s3://BUCKET/KEY"):
        S3Url.parse(text)


@pytest.mark.parametrize("text", ["s3://models", "s3://models/", "s3://models/live/", "s3:///x"])
def test_a_url_without_an_object(text: str) -> None:
    with pytest.raises(MmeError, match="names no object in S3"):
        S3Url.parse(text)


def test_a_path_is_not_a_url() -> None:
    assert S3Url.parse("s3/models/x.tar.gz") is None
    assert str(S3Url.parse("s3://b/k/with space#1?.tar.gz")) == "s3://b/k/with space#1?.tar.gz"


def test_a_file_needs_no_aws_and_a_pipe_gets_no_colours(archive: Callable[[bytes], str]) -> None:
    script = (
        "import sys; from mme.cli.main import main\n"
        "try: main()\n"
        "finally: assert not {'boto3', 'numpy', 'grpc'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "archives", "explain", archive(DECOUPLED)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "FORCE_COLOR": ""},
    )
    assert done.returncode == 2, done.stderr
    assert "\x1b" not in done.stdout
    assert "MODEL\tROLE\tPLATFORM" in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_a_stream_is_left_open() -> None:
    stream = io.BytesIO(pack(FLAT))
    explain(stream)
    assert not stream.closed

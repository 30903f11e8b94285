"""`mme archives explain`: status, text in 80 columns, JSON, and archives in S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme.archives.explain import explain
from tests.archives.archive_builder import CONFIG, FLAT, PIPELINE, flat, pack

DECOUPLED = pack(flat(CONFIG + "model_transaction_policy { decoupled: true }"))
Explain = Callable[..., Any]


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "m_v0.tar.gz"
        path.write_bytes(content)
        return str(path)

    return write


@pytest.fixture
def run(mme: Explain, monkeypatch: pytest.MonkeyPatch) -> Explain:
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: mme("archives", "explain", *arguments)


def test_a_sound_archive_exits_with_0(archive: Callable[[bytes], str], run: Explain) -> None:
    ran = run(archive(pack(PIPELINE)))
    assert ran.status == 0
    assert "It would be served" in ran.out
    assert "both/" in ran.out
    assert "a step of the ensemble" in ran.out


def test_a_broken_archive_exits_with_2_and_prints_the_hint(
    archive: Callable[[bytes], str], run: Explain
) -> None:
    path = archive(DECOUPLED)
    ran = run(path)
    assert ran.status == 2
    assert "It would not be served: 1 error" in ran.out
    assert "[decoupled]" in ran.out
    assert "remove model_transaction_policy" in " ".join(ran.rows)
    as_json = run(path, "--json")
    assert (as_json.status, as_json.json) == (2, explain(path).to_json())


def test_the_endpoint_counts(archive: Callable[[bytes], str], run: Explain) -> None:
    path = archive(pack(flat(CONFIG + "instance_group { kind: KIND_GPU }")))
    assert run(path, "--instance-type", "ml.g5.xlarge").status == 0
    assert run(path, "--processor", "cpu").status == 2


def test_a_directory(tmp_path: Path, run: Explain) -> None:
    (tmp_path / "1").mkdir()
    for path, content in FLAT.items():
        (tmp_path / path).write_text(str(content))
    ran = run(tmp_path)
    assert ran.status == 0
    assert "A directory, read as it would be packed" in ran.out


def test_markup_in_names_is_text(archive: Callable[[bytes], str], run: Explain) -> None:
    ran = run(archive(pack({**FLAT, "[bold]/x": "x", "1/[/red]\n": "x"})))
    assert ran.status == 0
    assert "[/red]" in ran.out


@pytest.mark.parametrize("source", ["s3://models/models/a/m_v0.tar.gz", "a/m_v0.tar.gz"])
def test_an_archive_in_s3(aws: Any, run: Explain, source: str) -> None:
    aws.put_object(Bucket="models", Key="models/a/m_v0.tar.gz", Body=pack(FLAT))
    ran = run(source, "--json")
    assert (ran.status, ran.json["source"]) == (0, "s3://models/models/a/m_v0.tar.gz")
    assert ran.json["packed_bytes"] == len(pack(FLAT))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s3://models/models/absent.tar.gz", "there is no s3://models/models/absent.tar.gz"),
        ("s3://absent/x.tar.gz", "there is no bucket "),
        *(
            (path, f"'{path}' can't be read: no such file or directory")
            for path in ("/absent_v0.tar.gz", "./absent_v0.tar.gz", "../absent_v0.tar.gz")
        ),
        *(
            (url, f"'{url}' can't be read; archives are files and s3://BUCKET/KEY")
            for url in ("http://host/m.tar.gz", "file:///m.tar.gz", "gs://b/m.tar.gz")
        ),
        *(
            (url, f"'{url}' names no object in S3")
            for url in ("s3://models", "s3://models/", "s3://models/live/", "s3:///x")
        ),
    ],
)
def test_a_source_that_can_not_be_read_is_one_line(aws: Any, run: Explain, source: str, message: str) -> None:
    ran = run(source)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {message}")


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

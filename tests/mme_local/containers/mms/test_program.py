"""Finding a container's program."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.mms import program
from mme_local.containers.mms.program import Program


@pytest.mark.parametrize(
    ("environment", "module", "in_model"),
    [
        ({}, "", None),
        ({"SAGEMAKER_PROGRAM": "inference.py"}, "inference", None),
        ({"SAGEMAKER_PROGRAM": "a/b.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/srv/code"}, "a.b", None),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}, "", "code"),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model"}, "", ""),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/models/code"}, "", None),
    ],
)
def test_of_an_environment(environment: dict[str, str], module: str, in_model: str | None) -> None:
    found = Program.of(environment)
    assert (found.module, found.in_model) == (module, in_model)


def fetched(source: str, folder: Path) -> Path | None:
    return asyncio.run(Program("inference", source).fetch(folder))


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    assert fetched(str(tmp_path), tmp_path / "code") == tmp_path
    assert fetched("", tmp_path / "code") is None
    assert fetched("/opt/ml/model/code", tmp_path / "code") is None
    with pytest.raises(MmeError, match="there is no such folder on this machine"):
        fetched("/no/such/folder", tmp_path / "code")


def test_a_missing_object(tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="there is no such object"):
        fetched("s3://no-such-bucket/sourcedir.tar.gz", tmp_path / "code")


def test_an_object_that_is_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        body = io.BytesIO(b"no archive")

    monkeypatch.setattr(program, "open_object", lambda *_: contextlib.nullcontext(Broken()))
    with pytest.raises(MmeError, match="can't be unpacked") as caught:
        fetched("s3://bucket/sourcedir.tar.gz", tmp_path / "code")
    assert str(caught.value.hint).endswith(" and upload it again")

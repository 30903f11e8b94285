"""An S3 in the same process, and model directories to publish to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from mme.registry import ModelStore

CONFIG = """
backend: "python"
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""

CODE = b"class TritonPythonModel:\n    def execute(self, requests): ...\n# "

DirectoryMaker = Callable[..., Path]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="models")
        yield client


@pytest.fixture
def store(s3) -> ModelStore:
    return ModelStore(s3, "models", "models/")


@pytest.fixture
def make_directory(tmp_path: Path) -> DirectoryMaker:
    """Writes a loadable model directory; `content` makes it differ."""

    def make(name: str = "doubler", content: str | bytes = "v0", under: str = "registry") -> Path:
        root = tmp_path / under / name
        (root / "1").mkdir(parents=True, exist_ok=True)
        (root / "config.pbtxt").write_text(CONFIG)
        comment = content.encode() if isinstance(content, str) else content
        (root / "1" / "model.py").write_bytes(CODE + comment)
        return root

    return make

"""Small model directories, each with a single fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CONFIG = """
name: "doubler"
backend: "python"
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""

ModelMaker = Callable[[Mapping[str, str | bytes | None]], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> ModelMaker:
    """Writes `{path: content}` into a directory named doubler; None as content makes a directory."""

    def make(files: Mapping[str, str | bytes | None]) -> Path:
        root = tmp_path / "doubler"
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make


@pytest.fixture
def good_model(make_model: ModelMaker) -> Path:
    """A model that Triton could load."""
    return make_model(
        {
            "config.pbtxt": CONFIG,
            "1/model.py": "class TritonPythonModel:\n    def execute(self, requests): ...",
        }
    )

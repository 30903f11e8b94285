"""Small model directories, each with a single fault."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.archives.archive_builder import Files, write_files

CONFIG = """
name: "doubler"
backend: "python"
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""

ModelMaker = Callable[[Files], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> ModelMaker:
    """Writes `{path: content}` into a directory named doubler; None as content makes a directory."""
    return partial(write_files, tmp_path / "doubler")


@pytest.fixture
def good_model(make_model: ModelMaker) -> Path:
    """A model that Triton could load."""
    return make_model(
        {
            "config.pbtxt": CONFIG,
            "1/model.py": "class TritonPythonModel:\n    def execute(self, requests): ...",
        }
    )

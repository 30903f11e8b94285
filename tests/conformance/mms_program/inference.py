"""The program of the suite's Multi Model Server: each archive brings its own model.py."""

from __future__ import annotations

import runpy
from typing import Any


def model_fn(model_dir: str) -> Any:
    """Return the archive's model."""
    return runpy.run_path(f"{model_dir}/model.py")["Model"]()


def transform_fn(model: Any, data: Any, content_type: str, accept: str) -> Any:
    """Ask the model."""
    return model.answer(data)

"""Read the catalog's data files, each at most once in a process."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def record(name: str) -> dict[str, Any]:
    """Return the content of `data/<name>.json`: its facts, with `date` and `sources`."""
    content: dict[str, Any] = json.loads((files("mme.catalog") / f"data/{name}.json").read_text("utf-8"))
    return content

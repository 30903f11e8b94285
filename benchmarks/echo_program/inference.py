"""The soak's program on the Multi Model Server: it adds a model's number to its input."""

from __future__ import annotations

import json
from pathlib import Path


def model_fn(model_dir: str) -> int:
    """Return the model's number."""
    return int(Path(model_dir, "added").read_text())


def transform_fn(model: int, data: str, content_type: str, accept: str) -> tuple[str, str]:
    """Answer in Triton's JSON. The toolkit counts the arguments."""
    del content_type, accept
    (tensor,) = json.loads(data)["inputs"]
    output = {"name": "Y", "data": [number + model for number in tensor["data"]]}
    return json.dumps({"outputs": [output]}), "application/json"

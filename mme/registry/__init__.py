"""Models in S3: publish, list, verify, promote, remove.

Names are imported on first use, so that `mme.client`, which reads aliases, loads nothing that packs archives.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mme.registry.candidates import Candidates, Skipped, find_models
    from mme.registry.model_store import ModelRecord, ModelStore
    from mme.registry.names import ModelName, check_name, object_key
    from mme.registry.publishing import Published, PublishListener, publish, publish_all

_MODULES = {
    "candidates": ("Candidates", "Skipped", "find_models"),
    "model_store": ("ModelRecord", "ModelStore"),
    "names": ("ModelName", "check_name", "object_key"),
    "publishing": ("PublishListener", "Published", "publish", "publish_all"),
}

__all__ = [
    "Candidates",
    "ModelName",
    "ModelRecord",
    "ModelStore",
    "PublishListener",
    "Published",
    "Skipped",
    "check_name",
    "find_models",
    "object_key",
    "publish",
    "publish_all",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Models in S3: publish and list.

Each name is loaded when it is first used: who lists models needs nothing of what packs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mme.registry.batch import PublishListener, publish_all
    from mme.registry.candidates import Candidate, Candidates, Skipped, find_models
    from mme.registry.journal import Journal
    from mme.registry.model_store import ModelRecord, ModelStore
    from mme.registry.names import ModelName, check_name, object_key
    from mme.registry.outcome import Published
    from mme.registry.publication import publish

_MODULES = {
    "batch": ("PublishListener", "publish_all"),
    "candidates": ("Candidate", "Candidates", "Skipped", "find_models"),
    "journal": ("Journal",),
    "model_store": ("ModelRecord", "ModelStore"),
    "names": ("ModelName", "check_name", "object_key"),
    "outcome": ("Published",),
    "publication": ("publish",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Candidate",
    "Candidates",
    "Journal",
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
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

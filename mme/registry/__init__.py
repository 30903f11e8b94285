"""Models in S3: publish and list."""

from mme.registry.batch import PublishListener, publish_all
from mme.registry.candidates import Candidate, Candidates, Skipped, find_models
from mme.registry.journal import Journal
from mme.registry.model_store import ModelRecord, ModelStore
from mme.registry.names import ModelName, check_name, object_key
from mme.registry.outcome import Published
from mme.registry.publication import publish

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

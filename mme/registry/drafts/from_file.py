"""Which kind of model a path is, and its model directory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mme.errors import MmeError
from mme.registry.drafts.booster_draft import lightgbm_draft, xgboost_draft
from mme.registry.drafts.draft import Draft, DraftOptions, NewModel, check_new_name, write_draft
from mme.registry.drafts.estimator_draft import ENDINGS, estimator_draft
from mme.registry.drafts.file_reading import SUPPORTED
from mme.registry.drafts.mlflow_draft import MLMODEL_FILE, mlflow_draft
from mme.registry.drafts.onnx_draft import onnx_draft
from mme.registry.drafts.saved_model_draft import SAVED_MODEL_FILE, saved_model_draft
from mme.registry.drafts.torch_draft import torch_draft

_DRAFTS: Final[dict[str, Callable[[Path, DraftOptions], Draft]]] = {
    ".onnx": onnx_draft,
    ".pt": torch_draft,
    ".pth": torch_draft,
    ".json": xgboost_draft,
    ".ubj": xgboost_draft,
    ".txt": lightgbm_draft,
}


def model_from_file(
    name: str, source: str | Path, options: DraftOptions, parent: str | Path = "."
) -> NewModel:
    """Write the model directory of a model that a framework saved.

    Args:
        name: The name of the model and of its directory.
        source: The file or directory.
        options: What the user says about it.
        parent: Where to create the directory.

    Raises:
        MmeError: The name is invalid, the directory exists, or the model can't be served. Nothing is written.
    """
    check_new_name(name)
    directory = Path(parent) / name
    if os.path.lexists(directory):
        raise MmeError(f"{directory} exists already", hint="choose another name or another --in")
    with tempfile.TemporaryDirectory(prefix="mme-new-") as scratch:
        return write_draft(draft_from(source, options, Path(scratch)), directory)


def draft_from(source: str | Path, options: DraftOptions, scratch: Path) -> Draft:
    """Return the model directory of a model that a framework saved.

    Args:
        source: The file or directory.
        options: What the user says about it.
        scratch: A directory for a converted model; the draft's files may be in it.

    Raises:
        MmeError: There is none, its kind is not known, or it can't be served.
    """
    path = Path(source)
    if not source or not os.path.lexists(path):
        raise MmeError(f"there is no {str(source)!r}", hint=f"--from takes {SUPPORTED}")
    draft = _of_directory(path, options, scratch) if path.is_dir() else _of_file(path, options, scratch)
    if draft is None:
        raise MmeError(f"{path} is not a model of a known kind", hint=f"--from takes {SUPPORTED}")
    if options.convert_to and path.suffix not in ENDINGS and not path.is_dir():
        raise MmeError(
            f"--to {options.convert_to} converts scikit-learn's estimators only", hint="leave it out"
        )
    return draft


def _of_directory(path: Path, options: DraftOptions, scratch: Path) -> Draft | None:
    if (path / MLMODEL_FILE).is_file():
        return mlflow_draft(path, options, scratch)
    if (path / SAVED_MODEL_FILE).is_file():
        return saved_model_draft(path, options)
    versions = [one for one in path.iterdir() if one.name.isdecimal() and (one / SAVED_MODEL_FILE).is_file()]
    return saved_model_draft(max(versions, key=lambda one: int(one.name)), options) if versions else None


def _of_file(path: Path, options: DraftOptions, scratch: Path) -> Draft | None:
    if path.suffix in ENDINGS:
        return estimator_draft(path, options, scratch)
    if path.name in (MLMODEL_FILE, SAVED_MODEL_FILE):
        return _of_directory(path.parent, options, scratch)
    make = _DRAFTS.get(path.suffix)
    return make(path, options) if make else None

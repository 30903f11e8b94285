"""Directories of several models that are no plain registry: an ensemble with its steps, folders of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from mme.archives.contents import contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import is_junk, scan_directory
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.layout import read_triton
from mme.errors import MmeError

ENSEMBLE_ALONE: Final = "ensemble-step-missing"
"""The fault of an ensemble's directory that is looked at without those of its steps."""

_DEEPEST: Final = 4
_FOLDER_FAULTS: Final = ("wrapper-directory", "several-models", "config-missing")


def idle_beside_ensemble(path: Path) -> tuple[str, list[str]] | None:
    """The ensemble that a directory holds, and which of its other directories that does not need.

    None where it holds no ensemble, or several.

    Raises:
        ArchiveError: the directory can't be packed.
    """
    reading = read_triton(contents_of(scan_directory(path)), EndpointTraits())
    if reading.layout != "ensemble" or reading.main is None:
        return None
    return reading.main.folder, [model.folder for model in reading.models if model.role == "idle"]


def mixed_fault(path: Path, ensemble: str, idle: list[str]) -> MmeError:
    """For an ensemble and its steps among other models."""
    return MmeError(
        f"{path} holds the ensemble {ensemble} and models that it does not need: {', '.join(idle)}",
        hint=f"move {ensemble} and its steps into a directory of their own, which is then one model",
    )


def with_folder_hint(path: Path, error: ArchiveError) -> ArchiveError:
    """Tells how to publish the models that lie deeper in a directory that is none itself."""
    if len(error.findings) != 1 or error.codes[0] not in _FOLDER_FAULTS:
        return error
    nested = next(_models_below(path), None)
    if nested is None:
        return error
    finding = error.findings[0]
    deep = len(nested.relative_to(path).parts) > 1
    name = nested.absolute().relative_to(path.absolute() if deep else path.absolute().parent)
    command = f"mme models add {nested} --name {name.as_posix()}"
    if deep and finding.code == "config-missing":
        text = f"it is neither a model nor a registry of models: the first model in it is {name.as_posix()}"
        finding = replace(finding, message=text, hint=f"publish each under its folder's name: {command}")
    else:
        finding = replace(finding, hint=f"{finding.hint}; or under its folder's name: {command}")
    return ArchiveError(error.subject, [finding])


def _models_below(path: Path, depth: int = 1) -> Iterator[Path]:
    try:
        folders = sorted(
            one for one in path.iterdir() if one.is_dir() and not one.is_symlink() and not is_junk(one.name)
        )
    except OSError:
        return
    for folder in folders:
        if (folder / CONFIG_FILE).is_file():
            yield folder
        elif depth < _DEEPEST:
            yield from _models_below(folder, depth + 1)

"""Which models a path names: one model's directory, or a registry of many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mme.archives.check import MODEL_FILE_MISSING, CheckedModel, check_model
from mme.archives.contents import contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import is_junk, scan_directory
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.layout import read_triton
from mme.errors import MmeError
from mme.findings import Finding
from mme.registry.names import check_name

_STEP_MISSING: Final = "ensemble-step-missing"
"""The fault of an ensemble's directory that is checked without the directories of its steps."""

_MAX_DEPTH: Final = 4
_EMPTY: Final = "empty-directory"
_FOLDER_FAULTS: Final = ("wrapper-directory", "several-models", "config-missing")

_Checked = tuple[Path, CheckedModel | MmeError]
"""A directory, with the model in it or the reason why there is none."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A directory of a registry that is skipped.

    Attributes:
        name: The directory's name.
        reason: Why, and what to do about it.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The models to publish.

    Attributes:
        models: Checked models.
        skipped: Directories that are skipped, with the reason.
    """

    models: tuple[CheckedModel, ...]
    skipped: tuple[Skipped, ...] = ()


def find_models(paths: Iterable[str | Path], *, follow_links: bool = False) -> Candidates:
    """Check every model that the paths name, before anything is uploaded.

    A directory with config.pbtxt is a model, and so is one that holds an ensemble, its steps and nothing
    else. Any other directory of directories, at least one of them a model, is a registry. In a
    registry, models that lack only a file which a `build_NAME.py` script writes are skipped, and so are
    directories that don't look like a model.

    Args:
        paths: Models and registries.
        follow_links: Pack what a symbolic link points at, if that is in the model's directory too.

    Raises:
        MmeError: A model has a fault, two have one name, or there is none; all faults at once.
    """
    models: list[CheckedModel] = []
    skipped: list[Skipped] = []
    faults: list[MmeError] = []
    checked_before: set[tuple[str, str]] = set()
    for path in paths:
        if path == "":
            raise MmeError("the path '' is empty", hint="give a model's directory, or . for this one")
        folders = _registry_folders(Path(path))
        checked: list[_Checked] = []
        for folder in folders or [Path(path)]:
            # A model may be named twice: in two ways, or alone and with its registry. A link has its own
            # name.
            identity = (os.path.realpath(folder), folder.absolute().name)
            if identity not in checked_before:
                checked_before.add(identity)
                checked.append((folder, _check(folder, follow_links)))
        joined = _join_ensemble(Path(path), checked, follow_links) if folders else checked
        for folder, result in joined:
            if isinstance(result, CheckedModel):
                if folders and result.framework != "triton":
                    other = f"not for Triton but for {result.framework}: publish it by its own path"
                    skipped.append(Skipped(folder.name, other))
                else:
                    models.append(result)
            elif folders and (reason := _reason_to_skip(folder, result)):
                skipped.append(Skipped(folder.name, reason))
            else:
                faults.append(result)
    faults += _same_names(models)
    if faults:
        raise _combined(faults)
    return Candidates(tuple(models), tuple(skipped))


def build_script(model: Path) -> Path:
    """Return where the script that builds a model's file may be: `build_NAME.py` next to its directory."""
    name = Path(model).absolute().name
    return Path(model).parent / f"build_{name.replace('-', '_')}.py"


def _check(folder: Path, follow_links: bool) -> CheckedModel | MmeError:
    try:
        model = check_model(folder, follow_links=follow_links)
        check_name(model.directory.name)
    except ArchiveError as error:
        if error.codes == ("not-found",):
            return error
        return _with_folder_hint(folder, _with_build_hint(folder, error))
    except MmeError as error:
        return error
    return model


def _registry_folders(path: Path) -> list[Path]:
    """Return the directories of a registry, or an empty list if the path is not a registry."""
    # Not Path.exists(): it raises for a path that is too long.
    if os.path.exists(path / CONFIG_FILE) or not os.path.isdir(path):  # noqa: PTH110, PTH112
        return []
    try:
        folders = [one for one in _folders(path) if not one.name.startswith(".")]
    except PermissionError:
        return []  # check_model reports it
    return folders if any((folder / CONFIG_FILE).is_file() for folder in folders) else []


def _folders(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir() and not is_junk(one.name))


def _join_ensemble(path: Path, checked: list[_Checked], follow_links: bool) -> list[_Checked]:
    """Return the same, or one model if the directories are an ensemble and its steps."""
    ensembles = [
        folder for folder, one in checked if isinstance(one, ArchiveError) and _STEP_MISSING in one.codes
    ]
    if not ensembles:
        return checked
    try:
        reading = read_triton(contents_of(scan_directory(path, follow_links=follow_links)), EndpointTraits())
    except ArchiveError:
        return checked
    if reading.layout != "ensemble" or reading.main is None:
        return checked
    idle = [model.folder for model in reading.models if model.role == "idle"]
    if not idle:
        return [(path, _check(path, follow_links))]
    ensemble = reading.main.folder
    fault = MmeError(
        f"{path} holds the ensemble {ensemble} and models that it does not need: {', '.join(idle)}",
        hint=f"move {ensemble} and its steps into a separate directory, which is then one model",
    )
    return [(folder, fault if folder in ensembles else one) for folder, one in checked]


def _reason_to_skip(folder: Path, error: MmeError) -> str | None:
    """Return why a directory of a registry is skipped, or None if its fault must stop the publishing."""
    if not isinstance(error, ArchiveError):
        return None
    if error.codes == (MODEL_FILE_MISSING,) and build_script(folder).is_file():
        finding = error.findings[0]
        file = finding.message.partition(" is missing")[0].rpartition("/")[2]
        return f"{file} is not built; optional: {finding.hint.replace('run: ', 'run ')}"
    if error.codes == (_EMPTY,) and build_script(folder).is_file():
        return f"it is empty; optional: {error.findings[0].hint.replace('run: ', 'run ')}"
    looks_like_a_model = any(
        (entry.is_dir() and entry.name.isdecimal()) or entry.name.lower().startswith("config.pb")
        for entry in folder.iterdir()
    )
    if error.codes[0] in ("config-missing", _EMPTY) and not looks_like_a_model:
        return f"not a model: no {CONFIG_FILE}"
    return None


def _with_build_hint(folder: Path, error: ArchiveError) -> ArchiveError:
    script = build_script(folder)
    if not script.is_file():
        return error

    def hinted(finding: Finding) -> Finding:
        missing = finding.code in (MODEL_FILE_MISSING, _EMPTY)
        return replace(finding, hint=f"run: python {script}") if missing else finding

    return ArchiveError(error.subject, [hinted(finding) for finding in error.findings])


def _with_folder_hint(path: Path, error: ArchiveError) -> ArchiveError:
    """Add how to publish the models that are deeper in a directory which is not a model."""
    if len(error.findings) != 1 or error.codes[0] not in _FOLDER_FAULTS:
        return error
    nested = next(_models_below(path), None)
    if nested is None:
        return error
    finding = error.findings[0]
    deep = len(nested.relative_to(path).parts) > 1
    name = nested.absolute().relative_to(path.absolute() if deep else path.absolute().parent).as_posix()
    command = f"mme models add {nested} --name {name}"
    if deep and finding.code == "config-missing":
        message = f"it is neither a model nor a registry of models: the first model in it is {name}"
        finding = replace(finding, message=message, hint=f"publish each under its folder's name: {command}")
    else:
        finding = replace(finding, hint=f"{finding.hint}; or under its folder's name: {command}")
    return ArchiveError(error.subject, [finding])


def _models_below(path: Path, depth: int = 1) -> Iterator[Path]:
    try:
        folders = [one for one in _folders(path) if not one.is_symlink()]
    except OSError:
        return
    for folder in folders:
        if (folder / CONFIG_FILE).is_file():
            yield folder
        elif depth < _MAX_DEPTH:
            yield from _models_below(folder, depth + 1)


def _same_names(models: Sequence[CheckedModel]) -> list[MmeError]:
    first: dict[str, CheckedModel] = {}
    faults = []
    for model in models:
        directory = model.directory
        other = first.setdefault(directory.name, model).directory
        if other.root != directory.root:
            faults.append(
                MmeError(
                    f"two models are called {directory.name}: {other.subject} and {directory.subject}",
                    hint="publish one of them alone with --name",
                )
            )
    return faults


def _combined(faults: Sequence[MmeError]) -> MmeError:
    if len(faults) == 1:
        return faults[0]
    lines = [
        f"{fault.message}; {fault.hint}" if fault.hint and "\n" not in fault.hint else str(fault)
        for fault in faults
    ]
    return MmeError(f"{len(faults)} models can't be published, so none was", hint="\n".join(lines))

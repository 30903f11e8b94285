"""Which models a path stands for: one model's directory, or a registry of many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mme.archives.errors import ArchiveError
from mme.archives.model_directory import ModelDirectory, is_junk, scan_directory
from mme.archives.triton.check import MODEL_FILE_MISSING, TritonModel, check_model
from mme.archives.triton.config import CONFIG_FILE
from mme.errors import MmeError
from mme.registry.folders import ENSEMBLE_ALONE, idle_beside_ensemble, mixed_fault, with_folder_hint
from mme.registry.journal import Journal, Remembered
from mme.registry.names import check_name


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to be published.

    Attributes:
        directory: its files.
        model: what checking it gave, or None where it was not needed.
        recalled: what is known of it from when it was last published, if nothing changed since.
    """

    directory: ModelDirectory
    model: TritonModel | None = None
    recalled: Remembered | None = None

    @classmethod
    def checked_already(cls, model: TritonModel) -> Candidate:
        """One whose directory was checked just now."""
        return cls(model.directory, model)

    def checked(self) -> TritonModel:
        """What is in it.

        Raises:
            ArchiveError: with every fault found.
        """
        return self.model or check_model(self.directory.subject)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A directory of a registry that is left out.

    Attributes:
        name: the directory's name.
        reason: why, and what to do about it.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is to be published.

    Attributes:
        models: checked and ready, now or when they were last published and have not changed since.
        skipped: left out, with the reason.
    """

    models: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...] = ()


def find_models(paths: Iterable[str | Path], journal: Journal | None = None) -> Candidates:
    """Checks every model that the paths name, before anything is uploaded.

    A directory with config.pbtxt is a model, and so is one that holds an ensemble, its steps and nothing
    else. Any other directory that holds several directories, at least one of them a model, is a registry: its
    models lacking nothing but a file that a script beside them builds are skipped, and so are directories
    that look nothing like a model.

    Args:
        paths: of models and registries.
        journal: what was published before. Models that it knows were checked then and are not checked again.

    Raises:
        MmeError: any model has a fault, two have one name, or there is none; all faults at once.
    """
    models: list[Candidate] = []
    skipped: list[Skipped] = []
    faults: list[MmeError] = []
    seen: set[tuple[Path, str]] = set()
    for path in paths:
        if path == "":
            raise MmeError("the path '' names no model", hint="give a model's directory, or . for this one")
        inner = _registry(Path(path))
        tried: list[tuple[Path, Candidate | MmeError]] = []
        for folder in inner or [Path(path)]:
            # One model may be named twice: in two ways, or alone and with its registry. A link has
            # its own name.
            identity = (folder.resolve(), folder.absolute().name)
            if identity not in seen:
                seen.add(identity)
                tried.append((folder, _tried(folder, journal)))
        for folder, found in _with_ensemble(Path(path), tried, journal) if inner else tried:
            if isinstance(found, Candidate):
                models.append(found)
            elif inner and (reason := _reason_to_skip(folder, found)):
                skipped.append(Skipped(folder.name, reason))
            else:
                faults.append(found)
    faults += _same_names(models)
    if faults:
        raise _combined(faults)
    return Candidates(tuple(models), tuple(skipped))


def _tried(folder: Path, journal: Journal | None) -> Candidate | MmeError:
    """The model in a directory, or why there is none."""
    try:
        candidate = _candidate(folder, journal)
        check_name(candidate.directory.name)
    except ArchiveError as error:
        return with_folder_hint(folder, _with_build_step(folder, error))
    except MmeError as error:
        return error
    return candidate


def _with_ensemble(
    path: Path, tried: list[tuple[Path, Candidate | MmeError]], journal: Journal | None
) -> list[tuple[Path, Candidate | MmeError]]:
    """The same, or where they are an ensemble and its steps, the one model that they are together."""
    # Seen by its failing alone, so that no other registry is read for it.
    lonely = [
        folder for folder, one in tried if isinstance(one, ArchiveError) and ENSEMBLE_ALONE in one.codes
    ]
    if not lonely:
        return tried
    try:
        found = idle_beside_ensemble(path)
    except ArchiveError:
        return tried
    if found is None:
        return tried
    ensemble, idle = found
    if not idle:
        return [(path, _tried(path, journal))]
    fault = mixed_fault(path, ensemble, idle)
    return [(folder, fault if folder in lonely else one) for folder, one in tried]


def _reason_to_skip(folder: Path, error: MmeError) -> str | None:
    """Why a directory of a registry may be left out, or None where its fault must stop everything."""
    if not isinstance(error, ArchiveError):
        return None
    if error.codes == (MODEL_FILE_MISSING,) and build_script(folder).is_file():
        return _skip_reason(error)
    if error.codes[0] in ("config-missing", "empty-directory") and _foreign(folder):
        return f"not a model: no {CONFIG_FILE}"
    return None


def _candidate(folder: Path, journal: Journal | None) -> Candidate:
    if journal is not None:
        directory = scan_directory(folder)
        recalled = journal.recall(directory)
        if recalled:
            return Candidate(directory, recalled=recalled)
    return Candidate.checked_already(check_model(folder))


def build_script(model: Path) -> Path:
    """Where the script that makes a model's file may lie: `build_NAME.py` beside the model's directory."""
    name = Path(model).absolute().name
    return Path(model).parent / f"build_{name.replace('-', '_')}.py"


def _registry(path: Path) -> list[Path]:
    """The directories of a registry, or nothing if the path is no registry."""
    if (path / CONFIG_FILE).exists() or not path.is_dir():
        return []
    try:
        folders = sorted(
            folder
            for folder in path.iterdir()
            if folder.is_dir() and not is_junk(folder.name) and not folder.name.startswith(".")
        )
    except PermissionError:
        return []  # check_model says so better
    holds_models = any((folder / CONFIG_FILE).is_file() for folder in folders)
    # One directory alone is a wrapper around a model: the model itself is what to publish.
    return folders if holds_models and len(folders) > 1 else []


def _foreign(folder: Path) -> bool:
    """True for a directory with neither a version directory nor anything like a config: docs, scripts."""
    return not any(
        (entry.is_dir() and entry.name.isdecimal()) or entry.name.lower().startswith("config.pb")
        for entry in folder.iterdir()
    )


def _with_build_step(folder: Path, error: ArchiveError) -> ArchiveError:
    script = build_script(folder)
    if not script.is_file():
        return error
    return ArchiveError(
        error.subject,
        [
            replace(finding, hint=f"run: python {script}") if finding.code == MODEL_FILE_MISSING else finding
            for finding in error.findings
        ],
    )


def _skip_reason(error: ArchiveError) -> str:
    finding = error.findings[0]
    file = finding.message.partition(" is missing")[0].rpartition("/")[2]
    return f"{file} missing, {finding.hint.replace('run: ', 'run ')}"


def _same_names(models: Sequence[Candidate]) -> list[MmeError]:
    first: dict[str, Candidate] = {}
    faults = []
    for model in models:
        other = first.setdefault(model.directory.name, model)
        if other.directory.root != model.directory.root:
            faults.append(
                MmeError(
                    f"two models are called {model.directory.name}: {other.directory.subject} and "
                    f"{model.directory.subject}",
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

"""Model directories for the endpoint under test: found and checked like `mme models add` does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mme.archives.check import MODEL_FILE_MISSING, check_model
from mme.archives.contents import contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import ModelDirectory, scan_directory
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.layout import read_triton
from mme.errors import MmeError


def find_models(paths: Iterable[str | Path]) -> list[ModelDirectory]:
    """Return the checked models of directories, or of directories of them.

    A model of such a directory is skipped if only a file is missing that its build script creates.

    Raises:
        MmeError: Triton would not serve a model; with every fault of every model.
    """
    models: dict[str, ModelDirectory] = {}
    faults: list[MmeError] = []
    for folder in (folder for path in paths for folder in _folders(Path(path))):
        try:
            model = check_model(folder).directory
        except ArchiveError as error:
            script = folder.parent / f"build_{folder.name.replace('-', '_')}.py"
            if error.codes != (MODEL_FILE_MISSING,) or not script.is_file():
                faults.append(error)
        else:
            other = models.setdefault(model.name, model)
            if other.root != model.root:
                faults.append(
                    MmeError(f"two models are called {model.name}: {other.subject} and {model.subject}")
                )
    if len(faults) > 1:
        raise MmeError(f"{len(faults)} models have faults", hint="\n".join(map(str, faults)))
    if faults:
        raise faults[0]
    return list(models.values())


def _folders(path: Path) -> list[Path]:
    """Return the path of a model, or the models in it; an ensemble with its steps is one model."""
    inner = sorted(config.parent for config in path.glob(f"[!.]*/{CONFIG_FILE}"))
    if len(inner) < 2 or (path / CONFIG_FILE).exists():
        return [path]
    layout = read_triton(contents_of(scan_directory(path)), EndpointTraits()).layout
    return [path] if layout == "ensemble" else inner

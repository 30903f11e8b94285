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
from mme.catalog.frameworks import framework_of_repository
from mme.errors import MmeError
from mme_local.containers.server_kind import repository_of


def find_models(paths: Iterable[str | Path], image: str) -> list[ModelDirectory]:
    """Return the checked models of directories, or of directories of Triton models.

    A model of such a directory is skipped if only a file is missing that its build script creates. Models of
    an image that is not AWS's are what its program makes of them: they are not checked.

    Args:
        paths: The directories.
        image: Of the endpoint's model.

    Raises:
        MmeError: The image would not serve a model; with every fault of every model.
    """
    models: dict[str, ModelDirectory] = {}
    faults: list[MmeError] = []
    for folder in (folder for path in paths for folder in _folders(Path(path))):
        try:
            model = _checked(folder, image)
        except MmeError as error:
            script = folder.parent / f"build_{folder.name.replace('-', '_')}.py"
            unbuilt = isinstance(error, ArchiveError) and error.codes == (MODEL_FILE_MISSING,)
            if not (unbuilt and script.is_file()):
                faults.append(error)
        else:
            other = models.setdefault(model.name, model)
            if other.root != model.root:
                faults.append(
                    MmeError(
                        f"two models are called {model.name}: {other.subject} and {model.subject}",
                        hint="rename one of the directories",
                    )
                )
    if len(faults) > 1:
        raise MmeError(f"{len(faults)} models have faults", hint="\n".join(map(str, faults)))
    if faults:
        raise faults[0]
    return list(models.values())


def _checked(folder: Path, image: str) -> ModelDirectory:
    framework = framework_of_repository(repository_of(image))
    is_triton = "triton" in repository_of(image)
    if framework is None and not is_triton:
        return scan_directory(folder)
    checked = check_model(folder)
    if (checked.framework == "triton") is not is_triton:
        raise MmeError(
            f"{folder} is a model for {checked.framework}; the endpoint's image is {image}",
            hint="override the fixture mme_image",
        )
    return checked.directory


def _folders(path: Path) -> list[Path]:
    """Return the path of a model, or the models in it; an ensemble with its steps is one model."""
    inner = sorted(config.parent for config in path.glob(f"[!.]*/{CONFIG_FILE}"))
    if len(inner) < 2 or (path / CONFIG_FILE).exists():
        return [path]
    layout = read_triton(contents_of(scan_directory(path)), EndpointTraits()).layout
    return [path] if layout == "ensemble" else inner

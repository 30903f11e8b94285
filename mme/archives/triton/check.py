"""Would Triton load this directory? The same rules as its model repository, before anything is uploaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from mme.archives.contents import Contents, contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import ModelDirectory, scan_directory
from mme.archives.signature import TensorSignature
from mme.archives.triton.config import CONFIG_FILE, TritonConfig
from mme.archives.triton.layout import read_triton
from mme.findings import Finding, Severity

MODEL_FILE_MISSING = "model-file-missing"
"""Code of the one fault that a build step mends."""


@dataclass(frozen=True, slots=True)
class TritonModel:
    """A directory that Triton can load.

    Attributes:
        directory: its files.
        config: its parsed config.pbtxt.
    """

    directory: ModelDirectory
    config: TritonConfig

    @property
    def signature(self) -> TensorSignature:
        """The model's tensors."""
        return self.config.signature


def check_model(path: str | Path) -> TritonModel:
    """Reads a model's directory and checks it, as the container would read its archive.

    Args:
        path: the directory that holds config.pbtxt, or the directories of an ensemble and its steps.

    Raises:
        ArchiveError: with every fault found.
    """
    directory = scan_directory(path)
    contents = contents_of(directory)
    if directory.find(CONFIG_FILE) is None:
        fault = _config_missing(directory, contents)
        if fault:
            raise ArchiveError(directory.subject, [fault])
    reading = read_triton(contents, EndpointTraits())
    errors = [
        _placed(finding, directory) for finding in reading.findings if finding.severity is Severity.ERROR
    ]
    if errors or reading.main is None or reading.main.config is None:
        raise ArchiveError(directory.subject, errors)
    return TritonModel(directory, reading.main.config)


def _placed(finding: Finding, directory: ModelDirectory) -> Finding:
    """With the path on this machine where the model's file shall be put."""
    start = "put the model's file at "
    if not finding.hint.startswith(start):
        return finding
    return replace(finding, hint=start + str(directory.root / finding.hint.removeprefix(start)))


def _config_missing(directory: ModelDirectory, contents: Contents) -> Finding | None:
    folders = contents.folders()
    inner = [folder for folder in folders if directory.find(f"{folder}/{CONFIG_FILE}")]
    if len(inner) == 1 and len(folders) == 1:
        return Finding.error(
            "wrapper-directory",
            f"{CONFIG_FILE} is one level too deep, in the wrapper directory {inner[0]}/",
            f"publish that directory instead: {directory.root / inner[0]}",
        )
    layout = read_triton(contents, EndpointTraits()).layout
    if layout == "ensemble":
        return None
    if inner:
        return Finding.error(
            "several-models",
            f"it has no {CONFIG_FILE} of its own but holds {len(inner)} models: {', '.join(inner)}",
            "publish each of them, or the whole directory as a registry",
        )
    close = next(
        (
            member.path
            for member in directory.children()
            if not member.is_directory and re.match(r"config\.pb", member.path, re.IGNORECASE)
        ),
        None,
    )
    if close:
        return Finding.error(
            "config-misnamed", f"{close} must be called {CONFIG_FILE}", f"rename {close} to {CONFIG_FILE}"
        )
    return Finding.error(
        "config-missing",
        f"{CONFIG_FILE} is missing: Triton can't tell what this model is",
        f"write a {CONFIG_FILE} with its platform or backend, its inputs and outputs",
    )

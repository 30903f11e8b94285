"""Check a model's directory before it is published, by the rules of Triton's model repository."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mme.archives.contents import contents_of
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import ModelDirectory, scan_directory
from mme.archives.signature import TensorSignature
from mme.archives.triton.config import CONFIG_FILE, TritonConfig
from mme.archives.triton.layout import config_missing, read_triton
from mme.findings import Finding, Severity

MODEL_FILE_MISSING: Final = "model-file-missing"
"""Code of the one error that a build step fixes."""

_PUT_AT: Final = "put the model's file at "


@dataclass(frozen=True, slots=True)
class TritonModel:
    """A directory that Triton can load.

    Attributes:
        directory: Its files.
        config: Its parsed config.pbtxt.
    """

    directory: ModelDirectory
    config: TritonConfig

    @property
    def signature(self) -> TensorSignature:
        """The model's tensors."""
        return self.config.signature


def check_model(path: str | Path) -> TritonModel:
    """Read a model's directory and check it, as the container would read its archive.

    Args:
        path: The directory that holds config.pbtxt, or the directories of an ensemble and its steps.

    Raises:
        ArchiveError: With every error found.
    """
    directory = scan_directory(path)
    contents = contents_of(directory)
    reading = read_triton(contents, EndpointTraits())
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    main = reading.main
    if main and reading.layout == "sub-directory" and contents.find(f"{main.folder}/{CONFIG_FILE}"):
        text = f"{CONFIG_FILE} is one level too deep, in the wrapper directory {main.folder}/"
        hint = f"publish that directory instead: {directory.root / main.folder}"
        errors = [Finding.error("wrapper-directory", text, hint)]
    if errors or main is None or main.config is None:
        errors = [_for_publishing(finding, directory) for finding in errors or [config_missing()]]
        raise ArchiveError(directory.subject, errors)
    return TritonModel(directory, main.config)


def _for_publishing(finding: Finding, directory: ModelDirectory) -> Finding:
    """Return a finding with a hint for a directory on disk instead of an archive."""
    if finding.hint.startswith(_PUT_AT):
        return replace(finding, hint=_PUT_AT + str(directory.root / finding.hint.removeprefix(_PUT_AT)))
    if finding.code == "several-models":
        return replace(finding, hint="publish each of them, or the whole directory as a registry")
    if finding.code == "wrapper-directory" and "levels deep" in finding.message:
        return config_missing()
    return finding

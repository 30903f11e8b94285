"""Check a model's directory before it is published, by the rules of the container that it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mme.archives.contents import contents_of
from mme.archives.detection import detect_frameworks, framework_archive, mismatch
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.errors import ArchiveError
from mme.archives.model_directory import ModelDirectory, scan_directory
from mme.archives.signature import TensorSignature
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.layout import config_missing, read_triton
from mme.findings import Finding, Severity

MODEL_FILE_MISSING: Final = "model-file-missing"
"""Code of the one error that a build step fixes."""

_HELPERS: Final = ("step", "callee")
_PUT_AT: Final = "put the model's file at "


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A directory that a container can load.

    Attributes:
        directory: Its files.
        signature: Its tensors; none for containers other than Triton's.
        framework: The container's, by its short name in the catalog.
        warnings: What may fail on the endpoint, or differ from what was meant.
        helpers: Models that are loaded with it under names of their own: whether its code calls them.
    """

    directory: ModelDirectory
    signature: TensorSignature
    framework: str = "triton"
    warnings: tuple[Finding, ...] = ()
    helpers: Mapping[str, bool] = field(default_factory=dict)


def check_model(path: str | Path, *, follow_links: bool = False) -> CheckedModel:
    """Read a model's directory and check it, as the container would read its archive.

    A directory without config.pbtxt that another framework's container would serve is accepted too.

    Args:
        path: The directory that holds config.pbtxt, or the directories of an ensemble and its steps.
        follow_links: Pack what a symbolic link points at, if that is in the directory too.

    Raises:
        ArchiveError: With every error found.
    """
    directory = scan_directory(path, follow_links=follow_links)
    contents = contents_of(directory)
    reading = read_triton(contents, EndpointTraits())
    errors = _only(Severity.ERROR, reading.findings)
    main = reading.main
    if main and reading.layout == "sub-directory" and contents.find(f"{main.folder}/{CONFIG_FILE}"):
        text = f"{CONFIG_FILE} is one level too deep, in the wrapper directory {main.folder}/"
        hint = f"publish that directory instead: {directory.root / main.folder}"
        errors = (Finding.error("wrapper-directory", text, hint),)
    if errors or main is None or main.config is None:
        for other in detect_frameworks(contents, EndpointTraits()):
            found = other.read().findings
            wrong = _only(Severity.ERROR, found)
            if other.name == "triton":
                continue
            if not wrong:
                return CheckedModel(directory, TensorSignature(), other.name, _only(Severity.WARNING, found))
            if [one.code for one in wrong] in (["model-file-foreign"], ["model-file-empty"]):
                errors = wrong
        faults = [_for_publishing(finding, directory) for finding in errors or [config_missing()]]
        raise ArchiveError(directory.subject, faults)
    warnings = _only(Severity.WARNING, reading.findings)
    called = {name for one in reading.models if one.role != "idle" for name in one.calls}
    helpers = {one.folder: one.folder in called for one in reading.models if one.role in _HELPERS}
    return CheckedModel(directory, main.signature, warnings=warnings, helpers=helpers)


def faults_on(model: CheckedModel, endpoint: EndpointTraits) -> tuple[Finding, ...]:
    """Return what is wrong with a model on a known endpoint: its errors there, and warnings.

    `check_model` knows no endpoint, so that it refuses only what none can serve. A model for another
    container has that one error.

    Args:
        model: What `check_model` returned.
        endpoint: What will serve it.
    """
    contents = contents_of(model.directory)
    if endpoint.framework:
        given = framework_archive(endpoint.framework, contents, endpoint)
        if other := mismatch(given, [model.framework]):
            return (other,)
    if model.framework != "triton":
        return model.warnings
    findings = read_triton(contents, endpoint).findings
    return tuple(each for each in findings if each.severity in (Severity.ERROR, Severity.WARNING))


def _only(severity: Severity, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is severity)


def _for_publishing(finding: Finding, directory: ModelDirectory) -> Finding:
    """Return a finding with a hint for a directory on disk instead of an archive."""
    if finding.hint.startswith(_PUT_AT):
        return replace(finding, hint=_PUT_AT + str(directory.root / finding.hint.removeprefix(_PUT_AT)))
    if finding.code == "several-models":
        return replace(finding, hint="publish each of them, or the whole directory as a registry")
    if finding.code == "wrapper-directory" and "levels deep" in finding.message:
        return config_missing()
    return finding

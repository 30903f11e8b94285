"""Would Triton load this directory? The same rules as its model repository, before anything is uploaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mme.archives.findings import ArchiveError, Finding
from mme.archives.model_directory import ModelDirectory, scan_directory
from mme.archives.signature import TensorSignature
from mme.archives.triton_config import CONFIG_FILE, TritonConfig, parse_config

MODEL_FILE_MISSING = "model-file-missing"
"""Code of the one fault that a build step mends."""

# Triton skips directories that are not numbers or start with a zero (user guide, "Model Repository").
_VERSION = re.compile(r"[1-9][0-9]*")


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
    """Reads a model's directory and checks its layout.

    Args:
        path: the directory that holds config.pbtxt.

    Raises:
        ArchiveError: with every fault found.
    """
    directory = scan_directory(path)
    if directory.find(CONFIG_FILE) is None:
        raise ArchiveError(directory.subject, [_config_missing(directory)])
    config = parse_config(directory.read(CONFIG_FILE))
    # Versions are checked even where the config is broken: one run then tells all there is to mend.
    findings = [config] if isinstance(config, Finding) else []
    findings += _version_findings(directory, None if isinstance(config, Finding) else config)
    if isinstance(config, Finding) or findings:
        raise ArchiveError(directory.subject, findings)
    return TritonModel(directory, config)


def _config_missing(directory: ModelDirectory) -> Finding:
    folders = [member.path for member in directory.children() if member.is_directory]
    inner = [folder for folder in folders if directory.find(f"{folder}/{CONFIG_FILE}")]
    if len(inner) == 1 and len(folders) == 1:
        return Finding(
            "wrapper-directory",
            f"{CONFIG_FILE} is one level too deep, in the wrapper directory {inner[0]}/",
            f"publish that directory instead: {directory.root / inner[0]}",
        )
    if inner:
        return Finding(
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
        return Finding(
            "config-misnamed", f"{close} must be called {CONFIG_FILE}", f"rename {close} to {CONFIG_FILE}"
        )
    return Finding(
        "config-missing",
        f"{CONFIG_FILE} is missing: Triton can't tell what this model is",
        f"write a {CONFIG_FILE} with its platform or backend, its inputs and outputs",
    )


def _version_findings(directory: ModelDirectory, config: TritonConfig | None) -> list[Finding]:
    folders = [member.path for member in directory.children() if member.is_directory]
    versions = sorted(int(folder) for folder in folders if _VERSION.fullmatch(folder))
    model_file = config.model_file if config else None
    if not versions:
        return [_no_version(directory, folders, model_file)]
    if config is None:
        return []
    findings = []
    for version in config.served_versions(versions):
        if version not in versions:
            found = ", ".join(str(present) for present in versions)
            findings.append(
                Finding(
                    "version-missing",
                    f"version_policy asks for version {version}, but there are only: {found}",
                    f"add the directory {version}/ or change version_policy in {CONFIG_FILE}",
                )
            )
        elif model_file and directory.find(f"{version}/{model_file}") is None:
            kind = config.signature.platform or config.backend
            findings.append(
                Finding(
                    MODEL_FILE_MISSING,
                    f"{version}/{model_file} is missing, which {kind} loads",
                    f"put the model's file at {directory.root / str(version) / model_file}",
                )
            )
        elif not config.is_ensemble and not directory.children(str(version)):
            findings.append(
                Finding(
                    "version-empty",
                    f"the version directory {version}/ is empty",
                    "put the model's file in it",
                )
            )
    return findings


def _no_version(directory: ModelDirectory, folders: list[str], model_file: str | None) -> Finding:
    if model_file and directory.find(model_file):
        return Finding(
            "version-missing",
            f"{model_file} lies beside {CONFIG_FILE}; Triton looks for it in a version directory",
            f"move it to 1/{model_file}",
        )
    odd = next((folder for folder in folders if re.fullmatch(r"v?\d+(\.\d+)*", folder)), None)
    if odd:
        return Finding(
            "version-name",
            f"{odd}/ is no version directory for Triton: its name must be a whole number from 1 up",
            f"rename {odd}/ to 1/",
        )
    if model_file:
        # Nothing built yet: an empty checkout of a model whose one file is made by a script.
        return Finding(
            MODEL_FILE_MISSING,
            f"there is no version directory: 1/{model_file} is missing",
            f"put the model's file at {directory.root / '1' / model_file}",
        )
    return Finding(
        "version-missing",
        "there is no version directory: Triton loads nothing without one",
        "put the model's files in a directory named 1",
    )

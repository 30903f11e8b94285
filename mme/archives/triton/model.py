"""One model's directory in an archive, as Triton reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explanation import ModelSummary, Role
from mme.archives.model_files.onnx_model import OnnxModel
from mme.archives.python_source import PythonSource, read_python
from mme.archives.signature import TensorSignature
from mme.archives.triton.config import CONFIG_FILE, DEFAULT_MODEL_FILES, TritonConfig, parse_config
from mme.archives.triton.onnx_findings import OnnxFile
from mme.archives.triton.version_rules import Versions, read_versions
from mme.findings import Finding

_COMPLETING_BACKENDS: Final = ("dali", "onnxruntime", "openvino", "tensorflow", "tensorrt")
"""These read tensors from the model. Source: Triton user guide, "Auto-Generated Model Configuration"."""

_GUESSED: Final = {
    "model.savedmodel": "tensorflow",
    "model.graphdef": "tensorflow",
    "model.plan": "tensorrt",
    "model.onnx": "onnxruntime",
    "model.xml": "openvino",
    "model.pt": "pytorch",
    "model.pt2": "pytorch",
    "model.py": "python",
}
"""Backend by the file in the first version directory, in the order that Triton looks."""


@dataclass(frozen=True, slots=True)
class ModelReading:
    """What Triton makes of one model's directory.

    Attributes:
        contents: The archive's files.
        endpoint: Where it is to be served.
        folder: Its path in the archive, empty for the root.
        config: Its configuration; None if there is none or it is broken.
        config_error: What is wrong with the configuration's syntax.
        backend: The config's, or the one that Triton guesses; empty if it can't.
        versions: Which it would load.
        sources: Its Python files, by path.
    """

    contents: Contents
    endpoint: EndpointTraits
    folder: str
    config: TritonConfig | None
    config_error: Finding | None
    backend: str
    versions: Versions
    sources: dict[str, PythonSource]

    def path(self, name: str) -> str:
        """Return the path in the archive of a file of the model."""
        return f"{self.folder}/{name}" if self.folder else name

    @property
    def config_path(self) -> str:
        """The path of its config.pbtxt, whether there is one or not."""
        return self.path(CONFIG_FILE)

    @property
    def platform(self) -> str:
        """The config's platform or backend, or the guessed backend."""
        return (self.config.signature.platform if self.config else "") or self.backend

    @property
    def is_ensemble(self) -> bool:
        """Whether it is a pipeline of other models."""
        return self.config is not None and self.config.is_ensemble

    @property
    def model_file(self) -> str | None:
        """The file that each version directory must have; None if nothing fixed is expected."""
        if self.config is None:
            return DEFAULT_MODEL_FILES.get(self.backend)
        if self.config.backend:
            return self.config.model_file
        return str(self.config.message.default_model_filename) or DEFAULT_MODEL_FILES.get(self.backend)

    def file_path(self, version: int) -> str | None:
        """Return the path in the archive of a version's model file; None if nothing fixed is expected."""
        name = self.model_file
        if name is None:
            return None
        path = self.path(f"{version}/{name}")
        # ONNX Runtime's backend takes a directory of the file's name for the place of a model.onnx.
        inside = self.backend == "onnxruntime" and self.contents.is_directory(path)
        return f"{path}/model.onnx" if inside else path

    def onnx_file(self, version: int) -> OnnxFile | None:
        """Return a version's ONNX model; None if there is none that can be read."""
        path = self.file_path(version) if self.backend == "onnxruntime" else None
        found = self.contents.model_files.get(path) if path else None
        if path is None or not isinstance(found, OnnxModel):
            return None
        return OnnxFile(path, found, self.config, self.config_path)

    @property
    def signature(self) -> TensorSignature:
        """Its tensors as the config declares them, completed as the backend does."""
        onnx = self.onnx_file(self.versions.served[-1]) if self.versions.served else None
        if onnx:
            return onnx.signature()
        return self.config.signature if self.config else TensorSignature()

    @property
    def completed(self) -> bool | None:
        """Whether Triton fills in missing tensors; None if that is not known."""
        if self.is_ensemble:
            return False
        if self.backend == "python":
            return not self.sources or any(source.completes_config for source in self.sources.values())
        return True if self.backend in _COMPLETING_BACKENDS else None

    @property
    def calls(self) -> dict[str, str]:
        """Models that its code calls, with the file and line of the first call."""
        return {
            name: f"{path}, line {line}"
            for path, source in reversed(self.sources.items())
            for name, line in source.calls
        }

    @property
    def loads(self) -> frozenset[str]:
        """Models that its code loads."""
        return frozenset(name for source in self.sources.values() for name in source.loads)

    def summary(self, role: Role) -> ModelSummary:
        """Return it for the explanation."""
        sizes = self.contents
        return ModelSummary(
            folder=self.folder,
            role=role,
            platform=self.platform,
            versions=self.versions.served,
            signature=self.signature,
            calls=tuple(self.calls),
            unpacked_bytes=sizes.size_below(self.folder) if self.folder else sizes.unpacked_bytes,
        )


def read_model(contents: Contents, folder: str, endpoint: EndpointTraits) -> ModelReading:
    """Read a model's directory as Triton does.

    Args:
        contents: The archive's files.
        folder: The directory, empty for the root.
        endpoint: Where it is to be served.
    """
    prefix = f"{folder}/" if folder else ""
    parsed = _parsed(contents, prefix + CONFIG_FILE)
    config = parsed if isinstance(parsed, TritonConfig) else None
    folders = contents.folders(folder)
    versions = read_versions(folders, config, prefix)
    return ModelReading(
        contents=contents,
        endpoint=endpoint,
        folder=folder,
        config=config,
        config_error=parsed if isinstance(parsed, Finding) else None,
        backend=(config.backend if config else "") or _guess(contents, prefix, folders),
        versions=versions,
        sources={
            path: read_python(source)
            for version in versions.served
            for path, source in _python_files(contents, f"{prefix}{version}")
        },
    )


def _parsed(contents: Contents, path: str) -> TritonConfig | Finding | None:
    content = contents.whole(path)
    if content is not None:
        return parse_config(content, path)
    member = contents.find(path)
    if member is None or member.is_directory:
        return None
    text = f"{path} has {member.size} bytes; a configuration is a short text"
    return Finding.error("config-syntax", text, "compare it with Triton's user guide")


def _guess(contents: Contents, prefix: str, folders: list[str]) -> str:
    """Return the backend by the files in the directory that comes first by name, version or not."""
    first = min(folders, default=None)
    if first is None:
        return ""
    names = {member.name for member in contents.children(prefix + first)}
    return next((backend for name, backend in _GUESSED.items() if name in names), "")


def _python_files(contents: Contents, folder: str) -> Iterator[tuple[str, bytes]]:
    for member in contents.children(folder):
        source = contents.whole(member.path) if member.name.endswith(".py") else None
        if source is not None:
            yield member.path, source

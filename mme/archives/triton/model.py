"""One model's directory in an archive: its config, versions, files and code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explanation import ModelSummary, Role
from mme.archives.file_kind import is_lfs_pointer
from mme.archives.framework_archive import lfs_pointer
from mme.archives.python_source import PythonSource, python_version, read_python
from mme.archives.triton.config import CONFIG_FILE, DEFAULT_MODEL_FILES, TritonConfig, parse_config
from mme.archives.triton.config_rules import KNOWN_BACKENDS, config_findings
from mme.archives.triton.tensor_rules import tensor_findings
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

_MODEL_DIRECTORY: Final = "$$TRITON_MODEL_DIRECTORY"
_EITHER_KIND: Final = ("model.onnx",)


@dataclass(frozen=True, slots=True)
class ModelReading:
    """What Triton would make of one model's directory.

    Attributes:
        folder: its path in the archive, empty for the root.
        config: None where there is none or it is broken.
        backend: the config's, or the one that Triton guesses; empty where it can't.
        versions: which it would load.
        sources: its Python files, by path.
        findings: what is wrong.
        unpacked_bytes: of the whole directory.
    """

    folder: str
    config: TritonConfig | None
    backend: str
    versions: Versions
    sources: dict[str, PythonSource]
    findings: tuple[Finding, ...]
    unpacked_bytes: int

    @property
    def calls(self) -> tuple[str, ...]:
        """Models that its code calls."""
        return tuple(dict.fromkeys(name for source in self.sources.values() for name in source.calls))

    @property
    def loads(self) -> frozenset[str]:
        """Models that its code loads."""
        return frozenset(name for source in self.sources.values() for name in source.loads)

    def summary(self, role: Role) -> ModelSummary:
        """For the explanation."""
        known = {} if self.config is None else {"signature": self.config.signature}
        platform = (self.config.signature.platform if self.config else "") or self.backend
        return ModelSummary(
            folder=self.folder,
            role=role,
            platform=platform,
            versions=self.versions.served,
            calls=self.calls,
            unpacked_bytes=self.unpacked_bytes,
            **known,
        )


def read_model(contents: Contents, folder: str, endpoint: EndpointTraits) -> ModelReading:
    """Reads a model's directory as Triton does.

    Args:
        contents: of the archive.
        folder: the directory, empty for the root.
        endpoint: where it shall run.
    """
    where = f"{folder}/" if folder else ""
    config_path = where + CONFIG_FILE
    findings: list[Finding] = []
    config = None
    content = contents.whole(config_path)
    if content is not None:
        parsed = parse_config(content, config_path)
        if isinstance(parsed, Finding):
            findings.append(parsed)
        else:
            config = parsed
    elif (member := contents.find(config_path)) and not member.is_directory:
        text = f"{config_path} has {member.size} bytes: that is no configuration"
        findings.append(
            Finding.error("config-syntax", text, "it is a short text: compare it with Triton's user guide")
        )
    broken = bool(findings)
    folders = contents.folders(folder)
    versions = read_versions(folders, config, where)
    backend = (config.backend if config else "") or _guess(contents, where, folders)
    sources = {
        member.path: read_python(content)
        for version in versions.served
        for member in contents.children(f"{where}{version}")
        if member.name.endswith(".py") and (content := contents.whole(member.path)) is not None
    }
    reading = ModelReading(
        folder, config, backend, versions, sources, (), contents.size_below(folder) if folder else 0
    )
    if config:
        findings += config_findings(config, config_path, endpoint)
        findings += tensor_findings(config, config_path, completed=_completed(reading) is not False)
        findings += _config_files(contents, config, where)
    findings += _version_faults(contents, reading, where)
    if not broken and not (config and config.is_ensemble):
        findings += _file_faults(contents, reading, where)
        findings += _backend_faults(contents, reading, where, config_path)
    return ModelReading(
        folder,
        config,
        backend,
        versions,
        sources,
        tuple(findings),
        contents.size_below(folder) if folder else contents.unpacked_bytes,
    )


def _guess(contents: Contents, where: str, folders: list[str]) -> str:
    """Triton looks into the directory that comes first by name, version or not."""
    first = min(folders, default=None)
    if first is None:
        return ""
    names = {member.name for member in contents.children(where + first)}
    return next((backend for name, backend in _GUESSED.items() if name in names), "")


def _completed(reading: ModelReading) -> bool | None:
    """Whether missing tensors get filled in; None where nobody knows."""
    if reading.config and reading.config.is_ensemble:
        return False
    if reading.backend == "python":
        return any(source.completes_config for source in reading.sources.values()) or not reading.sources
    if reading.backend in _COMPLETING_BACKENDS:
        return True
    return None


def _version_faults(contents: Contents, reading: ModelReading, where: str) -> Iterator[Finding]:
    """The versions' own, told better where the model's file lies in the wrong place or is yet to be made."""
    model_file = _model_file(reading)
    for finding in reading.versions.findings:
        if finding.code != "version-missing" or not model_file or contents.folders(reading.folder):
            yield finding
        elif contents.find(where + model_file):
            yield Finding.error(
                "version-missing",
                f"{where}{model_file} lies beside {CONFIG_FILE}; Triton looks for it in a version directory",
                f"move it to {where}1/{model_file}",
            )
        elif contents.find(f"{where}1"):
            hint = f"make {where}1 a directory and put {model_file} in it"
            yield Finding.error(
                "version-missing", f"{where}1 is a file; it must be the version's directory", hint
            )
        else:
            # Nothing built yet: an empty checkout of a model whose one file is made by a script.
            yield Finding.error(
                "model-file-missing",
                f"there is no version directory: {where}1/{model_file} is missing",
                f"put the model's file at {where}1/{model_file}",
            )


def _model_file(reading: ModelReading) -> str | None:
    if reading.config is None:
        return DEFAULT_MODEL_FILES.get(reading.backend)
    if reading.config.backend:
        return reading.config.model_file
    return str(reading.config.message.default_model_filename) or DEFAULT_MODEL_FILES.get(reading.backend)


def _file_faults(contents: Contents, reading: ModelReading, where: str) -> Iterator[Finding]:
    model_file = _model_file(reading)
    for version in reading.versions.served:
        path = f"{where}{version}"
        if model_file is None:
            if not contents.children(path):
                hint = "put the model's file in it"
                yield Finding.error("version-empty", f"the version directory {path}/ is empty", hint)
            continue
        if model_file.startswith("/") or ".." in model_file.split("/"):
            hint = "name a file in the version directory"
            text = f"default_model_filename {model_file!r} leads out of {path}/"
            yield Finding.error("model-file-outside", text, hint)
            continue
        yield from _one_file(contents, reading, f"{path}/{model_file}")


def _one_file(contents: Contents, reading: ModelReading, path: str) -> Iterator[Finding]:
    member = contents.find(path)
    name = path.rpartition("/")[2]
    loads = (reading.config.signature.platform if reading.config else "") or reading.backend
    if member is None and name == "model.dali" and contents.find(path.replace("model.dali", "dali.py")):
        return
    if member is None:
        text = f"{path} is missing, which {loads} loads"
        if reading.backend == "python":
            text += "; Triton then does not fail but hangs until the load times out"
        near = [other.name for other in contents.children(path.rpartition("/")[0])]
        hint = f"put the model's file at {path}"
        if len(near) == 1:
            hint = f"rename {near[0]} to {name}, or name it in default_model_filename"
        yield Finding.error("model-file-missing", text, hint)
    elif member.is_directory != (name == "model.savedmodel") and name not in _EITHER_KIND:
        kind, wanted = ("directory", "file") if member.is_directory else ("file", "directory")
        text = f"{path} is a {kind}; {loads} needs a {wanted}"
        yield Finding.error("model-file-kind", text, f"put the model's {wanted} there")
    elif name == "model.savedmodel" and contents.find(f"{path}/saved_model.pb") is None:
        text = f"{path}/saved_model.pb is missing"
        yield Finding.error("model-file-missing", text, "save the model again as a SavedModel")
    elif member.size == 0 and not member.is_directory:
        yield Finding.error("model-file-empty", f"{path} is an empty file", "save the model again")
    elif is_lfs_pointer(contents.start(path)):
        yield lfs_pointer(path)
    elif reading.backend == "python" and path in reading.sources:
        yield from _python_faults(reading.sources[path], path)


def _python_faults(source: PythonSource, path: str) -> Iterator[Finding]:
    if source.error:
        text = f"{path} is not valid Python {python_version()}: {source.error}"
        yield Finding.error(
            "python-syntax", text, "mend it; the container's Python would refuse it while loading"
        )
    elif not source.defines("TritonPythonModel"):
        text = f"{path} has no class TritonPythonModel"
        yield Finding.error(
            "python-class", text, "the python backend looks for a class of this name: add or rename it"
        )
    elif source.methods is not None and "execute" not in source.methods:
        hint = "add def execute(self, requests), which returns one InferenceResponse a request"
        text = f"TritonPythonModel in {path} has no method execute: it loads, and every request fails"
        yield Finding.error("python-execute", text, hint)


def _backend_faults(
    contents: Contents, reading: ModelReading, where: str, config_path: str
) -> Iterator[Finding]:
    config, backend = reading.config, reading.backend
    if not backend and not (config and config.message.platform):
        hint = 'add backend: "python", "onnxruntime", "pytorch" or another'
        text = (
            f"{config_path} names no backend, and no file tells which it is: Triton takes the ending of the "
        )
        yield Finding.error(
            "backend-missing", text + "archive's name for it and finds no backend 'tar.gz'", hint
        )
        return
    if backend and backend not in KNOWN_BACKENDS and not (config and config.message.runtime):
        library = f"libtriton_{backend}.so"
        if not any(member.name == library for member in contents.files):
            hint = f"put {library} beside {CONFIG_FILE} or into the image"
            text = f"the backend {backend!r} of {where or 'the model'} is not in AWS's Triton image"
            yield Finding.warning("backend-unknown", text.replace("/ is", " is"), hint)
    completed = _completed(reading)
    if config is None and completed is not False:
        return  # that there is no config is told elsewhere
    if config and config.signature.inputs and config.signature.outputs:
        return
    missing = "outputs" if config and config.signature.inputs else "inputs"
    declare = f"declare inputs and outputs in {config_path}"
    if completed is False and missing == "inputs":
        text = f"{config_path} declares no inputs, and nothing fills them in: Triton refuses every request"
        yield Finding.error("config-no-inputs", text, declare)
    else:
        text = (
            f"{config_path} leaves the {missing} to Triton, which reads the model to complete it: loads are "
        )
        text += "slower, and with --disable-auto-complete-config it is not done at all"
        yield Finding.warning("config-incomplete", text, declare)


def _config_files(contents: Contents, config: TritonConfig, where: str) -> Iterator[Finding]:
    """Files that a config names beside the model's own."""
    message = config.message
    for tensor in message.output:
        if tensor.label_filename and contents.find(where + tensor.label_filename) is None:
            text = f"{where}{tensor.label_filename} is missing, the labels of the output {tensor.name}"
            yield Finding.error("label-missing", text, "add it, or remove label_filename")
    for warmup in message.model_warmup:
        for entry in warmup.inputs.values():
            path = f"{where}warmup/{entry.input_data_file}"
            if entry.input_data_file and contents.find(path) is None:
                hint = "add it, or use zero_data or random_data"
                yield Finding.error("warmup-missing", f"{path} is missing, which a warm-up reads", hint)
    environment = config.parameter("EXECUTION_ENV_PATH")
    if environment is None or config.backend != "python":
        return
    if environment.startswith(_MODEL_DIRECTORY):
        path = where + environment.removeprefix(_MODEL_DIRECTORY).lstrip("/")
        if contents.find(path.rstrip("/")) is None:
            hint = f"add it at {path}, or mend EXECUTION_ENV_PATH"
            yield Finding.error(
                "environment-missing", f"{path} is missing, the model's Python environment", hint
            )
    elif environment.startswith("/"):
        hint = f"pack it with the model and name it {_MODEL_DIRECTORY}/env.tar.gz"
        text = f"EXECUTION_ENV_PATH {environment} lies outside the archive: the image must have it"
        yield Finding.warning("environment-outside", text, hint)
    else:
        hint = f"write {_MODEL_DIRECTORY}/{environment}"
        text = f"EXECUTION_ENV_PATH {environment!r} is relative: Triton looks for it where it was started"
        yield Finding.error("environment-missing", text, hint)

"""What is wrong with one model's directory: its config, versions, files and code."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from mme.archives.contents import Contents
from mme.archives.file_kind import GZIP_KIND, TAR_KIND, file_kind, is_lfs_pointer
from mme.archives.framework_archive import lfs_pointer
from mme.archives.python_source import PythonSource, python_version
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.config_rules import KNOWN_BACKENDS, config_findings, tensor_findings
from mme.archives.triton.model import ModelReading
from mme.archives.triton.onnx_findings import onnx_findings
from mme.archives.triton.warmup_rules import warmup_findings
from mme.findings import Finding

_MODEL_DIRECTORY: Final = "$$TRITON_MODEL_DIRECTORY"
_EITHER_KIND: Final = ("model.onnx",)
_STUB: Final = "triton_python_backend_stub"
_ENVIRONMENT_KINDS: Final = (GZIP_KIND, TAR_KIND)


def model_findings(model: ModelReading) -> Iterator[Finding]:
    """Yield what is wrong with a model, ensembles' steps excluded."""
    if model.config_error:
        yield model.config_error
    if model.config:
        yield from config_findings(model.config, model.config_path, model.endpoint)
        # ONNX Runtime's backend completes lists that are empty, never a tensor.
        completed = model.completed is not False and model.backend != "onnxruntime"
        yield from tensor_findings(model.config, model.config_path, completed=completed)
        yield from _named_files(model)
        if model.config.message.model_warmup:
            yield from warmup_findings(model.config, model.config_path)
        yield from _environment(model)
    yield from _stub(model)
    yield from _versions(model)
    if not model.config_error and not model.is_ensemble:
        yield from _model_files(model)
        yield from _backend(model)


def _stub(model: ModelReading) -> Iterator[Finding]:
    stub = model.contents.find(model.path(_STUB))
    if model.backend == "python" and stub and not (stub.is_directory or stub.executable):
        text = f"{stub.path} is not executable; Triton can't start the model with it"
        yield Finding.error("stub-not-executable", text, f"chmod +x {_STUB}, and pack it again")
    requirements = next(
        (path for path in map(model.path, _requirements(model)) if model.contents.find(path)), None
    )
    if model.backend == "python" and requirements:
        text = f"{requirements} is ignored; Triton installs no packages"
        hint = f"pack an environment and name it in EXECUTION_ENV_PATH: {_MODEL_DIRECTORY}/env.tar.gz"
        yield Finding.note("requirements-ignored", text, hint)


def _requirements(model: ModelReading) -> Iterator[str]:
    yield "requirements.txt"
    yield from (f"{version}/requirements.txt" for version in model.versions.served)


def _versions(model: ModelReading) -> Iterator[Finding]:
    """Yield the findings about versions, with a better hint if the model's file tells more."""
    file = model.model_file
    for finding in model.versions.findings:
        if finding.code != "version-missing" or not file or model.contents.folders(model.folder):
            yield finding
            continue
        place = model.path(f"1/{file}")
        if model.contents.find(model.path(file)):
            text = f"{model.path(file)} is next to {CONFIG_FILE}; Triton looks for it in a version directory"
            yield Finding.error("version-missing", text, f"move it to {place}")
        elif model.contents.find(model.path("1")):
            text = f"{model.path('1')} is a file; it must be the version's directory"
            hint = f"make {model.path('1')} a directory and put {file} in it"
            yield Finding.error("version-missing", text, hint)
        else:
            # Not built yet: a fresh checkout of a model whose file is made by a script.
            text = f"there is no version directory: {place} is missing"
            yield Finding.error("model-file-missing", text, f"put the model's file at {place}")


def _model_files(model: ModelReading) -> Iterator[Finding]:
    file = model.model_file
    for version in model.versions.served:
        folder = model.path(str(version))
        if file is None:
            if not model.contents.children(folder):
                text = f"the version directory {folder}/ is empty"
                yield Finding.error("version-empty", text, "put the model's file in it")
        elif file.startswith("/") or ".." in file.split("/"):
            text = f"default_model_filename {file!r} leads out of {folder}/"
            yield Finding.error("model-file-outside", text, "name a file in the version directory")
        else:
            yield from _model_file(model, version, f"{folder}/{file}")


def _model_file(model: ModelReading, version: int, path: str) -> Iterator[Finding]:
    contents = model.contents
    name = path.rpartition("/")[2]
    member = contents.find(path)
    if member is None:
        if name != "model.dali" or contents.find(path.replace("model.dali", "dali.py")) is None:
            yield _missing_file(model, path, name)
    elif member.is_directory != (name == "model.savedmodel") and name not in _EITHER_KIND:
        kind, wanted = ("directory", "file") if member.is_directory else ("file", "directory")
        text = f"{path} is a {kind}; {model.platform} needs a {wanted}"
        yield Finding.error("model-file-kind", text, f"put the model's {wanted} there")
    elif name == "model.savedmodel" and contents.find(f"{path}/saved_model.pb") is None:
        hint = "save the model again as a SavedModel"
        yield Finding.error("model-file-missing", f"{path}/saved_model.pb is missing", hint)
    elif member.size == 0 and not member.is_directory:
        yield Finding.error("model-file-empty", f"{path} is an empty file", "save the model again")
    elif model.backend == "onnxruntime" and (found := model.file_path(version)):
        yield from _onnx(model, version, found)
    elif is_lfs_pointer(contents.start(path)):
        yield lfs_pointer(path)
    elif model.backend == "python" and path in model.sources:
        yield from _python(model.sources[path], path)


def _onnx(model: ModelReading, version: int, path: str) -> Iterator[Finding]:
    contents = model.contents
    member, read = contents.find(path), contents.model_files.get(path)
    if member is None or member.is_directory:
        yield _missing_file(model, path, path.rpartition("/")[2])
    elif is_lfs_pointer(contents.start(path)):
        yield lfs_pointer(path)
    elif isinstance(read, Finding):
        yield read
    elif onnx := model.onnx_file(version):
        yield from onnx_findings(onnx, member.size, contents, model.endpoint)


def _missing_file(model: ModelReading, path: str, name: str) -> Finding:
    text = f"{path} is missing, which {model.platform} loads"
    if model.backend == "python":
        text += "; Triton then does not fail but hangs until the load times out"
    folder = path.rpartition("/")[0]
    others = [other.name for other in model.contents.children(folder)]
    hint = f"put the model's file at {path}"
    below = [file.path for file in model.contents.files if file.path.startswith(f"{folder}/")]
    if inner := next((one for one in below if one.endswith(f"/{name}")), None):
        hint = f"move it from {inner}, with the files next to it, to {folder}/"
    elif len(others) == 1:
        hint = f"rename {others[0]} to {name}, or name it in default_model_filename"
    return Finding.error("model-file-missing", text, hint)


def _python(source: PythonSource, path: str) -> Iterator[Finding]:
    if source.error:
        text = f"{path} is not valid Python {python_version()}: {source.error}"
        yield Finding.error("python-syntax", text, "fix it; the container's Python refuses it while loading")
    elif not source.defines("TritonPythonModel"):
        hint = "the python backend looks for a class of this name: add or rename it"
        yield Finding.error("python-class", f"{path} has no class TritonPythonModel", hint)
    elif source.methods is not None and "execute" not in source.methods:
        text = f"TritonPythonModel in {path} has no method execute; it loads, and every request fails"
        hint = "add def execute(self, requests), which returns one InferenceResponse per request"
        yield Finding.error("python-execute", text, hint)


def _backend(model: ModelReading) -> Iterator[Finding]:
    config, backend = model.config, model.backend
    if not backend and not (config and config.message.platform):
        text = (
            f"{model.config_path} names no backend, and no file implies one; Triton takes the ending of the "
        )
        text += "archive's name for it and finds no backend 'tar.gz'"
        hint = 'add backend: "python", "onnxruntime", "pytorch" or another'
        yield Finding.error("backend-missing", text, hint)
        return
    library = f"libtriton_{backend}.so"
    known = not backend or backend in KNOWN_BACKENDS or (config and config.message.runtime)
    if not known and not any(member.name == library for member in model.contents.files):
        text = f"the backend {backend!r} of {model.folder or 'the model'} is not in AWS's Triton image"
        hint = f"put {library} next to {CONFIG_FILE} or into the image"
        yield Finding.warning("backend-unknown", text, hint)
    if config is None and model.completed is not False:
        return  # reported as config-auto
    if config and config.signature.inputs and config.signature.outputs:
        return
    missing = "outputs" if config and config.signature.inputs else "inputs"
    hint = f"declare inputs and outputs in {model.config_path}"
    if model.completed is False and missing == "inputs":
        text = f"{model.config_path} declares no inputs, and nothing fills them in; requests must have none"
        if config and config.signature.max_batch_size:
            text += ", and Triton finds no batch in them"
            yield Finding.error("config-no-batch", text, f"{hint}, or write max_batch_size: 0")
        else:
            yield Finding.note("config-no-inputs", text, hint)
    else:
        text = f"{model.config_path} leaves the {missing} to Triton, which reads the model to complete it: "
        text += "loads are slower, and --disable-auto-complete-config turns it off"
        yield Finding.warning("config-incomplete", text, hint)


def _named_files(model: ModelReading) -> Iterator[Finding]:
    """Check the files that a config names in addition to the model's own."""
    if model.config is None:
        return
    for tensor in model.config.message.output:
        path = model.path(tensor.label_filename)
        if tensor.label_filename and model.contents.find(path) is None:
            text = f"{path} is missing, the labels of the output {tensor.name}"
            yield Finding.error("label-missing", text, "add it, or remove label_filename")
    for warmup in model.config.message.model_warmup:
        for entry in warmup.inputs.values():
            path = model.path(f"warmup/{entry.input_data_file}")
            if entry.input_data_file and model.contents.find(path) is None:
                hint = "add it, or use zero_data or random_data"
                yield Finding.error("warmup-missing", f"{path} is missing, which a warm-up reads", hint)


def _own_environment(contents: Contents, path: str) -> Iterator[Finding]:
    found = contents.find(path)
    if path == ".." or path.startswith("../"):
        text = f"EXECUTION_ENV_PATH leads out of the archive, to {path}"
        yield Finding.error("environment-missing", text, "name a path in the archive")
    elif path == "." or (found and found.is_directory):
        activate = posixpath.normpath(f"{path}/bin/activate")
        if contents.find(activate) is None:
            text = f"{activate} is missing; Triton refuses an environment without it"
            yield Finding.error("environment-broken", text, "pack the environment again with conda-pack")
    elif found is None:
        text = f"{path} is missing, the model's Python environment"
        yield Finding.error("environment-missing", text, f"add it at {path}, or correct EXECUTION_ENV_PATH")
    elif path in contents.without_activate:
        text = f"{path} has no bin/activate at its root; Triton then fails for this and later environments"
        yield Finding.error("environment-broken", text, "pack the environment again with conda-pack")
    elif file_kind(start := contents.start(path)) not in _ENVIRONMENT_KINDS and (start or not found.size):
        text = f"{path} is not a tar or tar.gz; Triton can't unpack it, nor any environment after it"
        yield Finding.error("environment-broken", text, "pack the environment again with conda-pack")


def _environment(model: ModelReading) -> Iterator[Finding]:
    environment = model.config.parameter("EXECUTION_ENV_PATH") if model.config else None
    if environment is None or model.backend != "python":
        return
    if environment.startswith(_MODEL_DIRECTORY):
        path = posixpath.normpath(model.path(environment.removeprefix(_MODEL_DIRECTORY).lstrip("/")))
        yield from _own_environment(model.contents, path)
    elif environment.startswith("/"):
        text = f"EXECUTION_ENV_PATH {environment} is outside the archive; the image must have it"
        hint = f"pack it with the model and name it {_MODEL_DIRECTORY}/env.tar.gz"
        yield Finding.warning("environment-outside", text, hint)
    else:
        text = f"EXECUTION_ENV_PATH {environment!r} is relative; Triton looks for it in its working directory"
        yield Finding.error("environment-missing", text, f"write {_MODEL_DIRECTORY}/{environment}")

"""Archives of AWS's framework containers other than Triton: where each looks for what.

Sources: SageMaker Python SDK documentation, "Using PyTorch / TensorFlow / MXNet / Scikit-learn / XGBoost with
the SageMaker Python SDK", the sections on model directory structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mme.archives.contents import Contents
from mme.archives.explanation import ModelSummary
from mme.archives.file_kind import is_lfs_pointer
from mme.archives.model_directory import Member
from mme.archives.python_source import python_version, read_python
from mme.findings import Finding

_CODE: Final = "code/inference.py"
_TORCH_ENDINGS: Final = (".pth", ".pt")
_KERAS_ENDINGS: Final = (".keras", ".h5", ".hdf5")
_MXNET_FILES: Final = {"-symbol.json": "symbol", "-shapes.json": "shapes", ".params": "parameters"}
_NOT_MODELS: Final = ("README", "LICENSE", "requirements.txt", "inference.py", "setup.py")
_LAYOUTS: Final = {
    "tensorflow": "saved-model",
    "pytorch": "torch-weights",
    "mxnet": "mxnet-checkpoint",
    "xgboost": "one-file",
    "scikit-learn": "one-file",
}


@dataclass(frozen=True, slots=True)
class FrameworkReading:
    """How a framework's container reads an archive.

    Attributes:
        layout: its name for it; `own` where this toolkit has no rules for the framework.
        models: what it would load, one entry.
        findings: what is wrong.
    """

    layout: str
    models: tuple[ModelSummary, ...]
    findings: tuple[Finding, ...]


def read_framework(contents: Contents, framework: str) -> FrameworkReading:
    """Checks an archive for the container of one framework, by its short name in the catalog."""
    root = [member for member in contents.children() if not member.is_directory]
    handler = _handler(contents)
    findings: list[Finding] = []
    chosen = ""
    versions: tuple[int, ...] = ()
    if framework == "tensorflow":
        versions = tuple(sorted(int(name) for name in contents.folders() if name.isdecimal()))
        findings += _saved_model(contents)
        chosen = "saved_model.pb"
    elif framework == "pytorch":
        chosen, faults = _torch(contents, root, handler)
        findings += faults
    elif framework == "mxnet":
        findings += _mxnet(contents, root, handler)
        chosen = next((member.name for member in root if member.name.endswith(".params")), "")
    elif framework in ("xgboost", "scikit-learn"):
        chosen, faults = _one_file(contents, root, framework, handler)
        findings += faults
    findings += _code(contents, framework, handler)
    findings += _pointers(contents)
    summary = ModelSummary(
        "", "model", platform=chosen, versions=versions, unpacked_bytes=contents.unpacked_bytes
    )
    return FrameworkReading(_LAYOUTS.get(framework, "own"), (summary,), tuple(findings))


def _handler(contents: Contents) -> frozenset[str] | None:
    """What code/inference.py defines; None where there is none or it can't be read."""
    source = contents.whole(_CODE)
    parsed = read_python(source) if source is not None else None
    return parsed.names if parsed and not parsed.error else None


def _loads_itself(handler: frozenset[str] | None) -> bool:
    return handler is not None and ("model_fn" in handler or "*" in handler)


def _saved_model(contents: Contents) -> Iterator[Finding]:
    versions = [name for name in contents.folders() if name.isdecimal()]
    good = [name for name in versions if contents.find(f"{name}/saved_model.pb")]
    for name in good:
        if contents.find(f"{name}/variables") is None:
            text = f"{name}/variables/ is missing: a SavedModel has none only where it is all constants"
            yield Finding.warning("variables-missing", text, f"save the model again: model.export('{name}')")
    if good:
        return
    if contents.find("saved_model.pb"):
        hint = "move saved_model.pb, variables/ and assets/ into a directory named 1"
        yield Finding.error(
            "saved-model-root", "saved_model.pb lies at the root, not in a version directory", hint
        )
        return
    keras = next((member.path for member in contents.files if member.name.endswith(_KERAS_ENDINGS)), None)
    if keras:
        hint = "export it: keras.models.load_model(FILE).export('1'), and pack the directory 1"
        yield Finding.error(
            "keras-file", f"{keras} is a Keras file; TensorFlow Serving loads SavedModels only", hint
        )
        return
    deep = next((member.path for member in contents.files if member.name == "saved_model.pb"), None)
    if deep:
        text = f"{deep} is not where it is looked for: NUMBER/saved_model.pb"
        yield Finding.error("saved-model-missing", text, "put it in a directory named 1 at the root")
    else:
        text = "there is no NUMBER/saved_model.pb"
        yield Finding.error(
            "saved-model-missing", text, "save the model as a SavedModel into a directory named 1"
        )


def _torch(
    contents: Contents, root: list[Member], handler: frozenset[str] | None
) -> tuple[str, list[Finding]]:
    weights = [member.name for member in root if member.name.endswith(_TORCH_ENDINGS)]
    findings = []
    if not weights and not _loads_itself(handler):
        deep = [member.path for member in contents.files if member.name.endswith(_TORCH_ENDINGS)]
        if deep:
            hint = "move it to the root, or load it in model_fn of code/inference.py"
            findings.append(
                Finding.error("weights-deep", f"{deep[0]} does not lie at the archive's root", hint)
            )
        else:
            hint = "add model.pth, or load the model in model_fn of code/inference.py"
            findings.append(
                Finding.error("weights-missing", "there is no .pth or .pt file at the root", hint)
            )
    if len(weights) > 1 and not _loads_itself(handler):
        text = (
            f"there are {len(weights)} files of weights: {', '.join(weights[:5])}; the default code takes one"
        )
        findings.append(
            Finding.warning("several-weights", text, "leave one, or choose in model_fn of code/inference.py")
        )
    if weights and contents.find(_CODE) is None:
        text = f"{_CODE} is missing: the default code loads {weights[0]} with torch.jit.load"
        hint = "add it with a model_fn(model_dir), unless the file is TorchScript"
        findings.append(Finding.warning("code-missing", text, hint))
    return (weights[0] if weights else ""), findings


def _mxnet(contents: Contents, root: list[Member], handler: frozenset[str] | None) -> Iterator[Finding]:
    if _loads_itself(handler):
        return
    for ending, what in _MXNET_FILES.items():
        if any(member.name.endswith(ending) for member in root):
            continue
        deep = next((member.path for member in contents.files if member.name.endswith(ending)), None)
        place = f"; {deep} does not lie there" if deep else ""
        name = f"model-0000{ending}" if ending == ".params" else f"model{ending}"
        text = f"the {what} file {name} is missing at the root{place}"
        yield Finding.error(
            "mxnet-incomplete", text, "save the module with save_checkpoint and pack all three files"
        )


def _one_file(
    contents: Contents, root: list[Member], framework: str, handler: frozenset[str] | None
) -> tuple[str, list[Finding]]:
    models = [member.name for member in root if not member.name.startswith(_NOT_MODELS)]
    if not models:
        if _loads_itself(handler):
            return "", []
        deep = next((m.path for m in contents.files if not m.path.startswith("code/")), None)
        name = "xgboost-model" if framework == "xgboost" else "model.joblib"
        if deep:
            hint = "move it to the archive's root: tar -czf model.tar.gz -C MODEL_DIRECTORY ."
            return "", [Finding.error("weights-deep", f"{deep} does not lie at the archive's root", hint)]
        hint = f"put the saved model at the root, e.g. as {name}"
        return "", [Finding.error("weights-missing", "there is no model file at the root", hint)]
    findings = []
    empty = next((member.name for member in root if member.name == models[0] and not member.size), None)
    if empty:
        findings.append(
            Finding.error("model-file-empty", f"{empty} is an empty file", "save the model again")
        )
    if len(models) > 1 and not _loads_itself(handler):
        text = (
            f"there are {len(models)} files at the root: {', '.join(models[:5])}; one is taken for the model"
        )
        findings.append(Finding.warning("several-weights", text, "leave the model's file alone at the root"))
    return models[0], findings


def _code(contents: Contents, framework: str, handler: frozenset[str] | None) -> Iterator[Finding]:
    for name in ("inference.py", "requirements.txt"):
        if contents.find(name) and contents.find(f"code/{name}") is None:
            text, hint = f"{name} is at the root; containers look in code/ only", f"move it to code/{name}"
            if name == "inference.py":
                yield Finding.warning("code-misplaced", text, hint)
            else:
                yield Finding.warning("requirements-misplaced", text, hint)
    source = contents.whole(_CODE)
    if source is None:
        return
    parsed = read_python(source)
    if parsed.error:
        text = f"{_CODE} is not valid Python {python_version()}: {parsed.error}"
        yield Finding.error("code-syntax", text, "mend it; the container imports it while loading")
    elif framework == "scikit-learn" and not _loads_itself(handler):
        text = f"{_CODE} has no model_fn: the scikit-learn container has no default that loads a model"
        yield Finding.error(
            "handler-missing", text, "define model_fn(model_dir), which returns the loaded model"
        )


def _pointers(contents: Contents) -> Iterator[Finding]:
    for member in contents.files:
        if is_lfs_pointer(contents.start(member.path)):
            text = f"{member.path} is a Git LFS pointer, not the file it points to"
            yield Finding.error("lfs-pointer", text, "run git lfs pull and pack it again")

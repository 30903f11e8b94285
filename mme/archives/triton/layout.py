"""Which of an archive's directories Triton loads, as its SageMaker server decides it.

Source: triton-inference-server/server, `src/sagemaker_server.cc`: config.pbtxt at the root makes it flat;
else the directory whose config has the text `platform: "ensemble"`; else the one listed last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explanation import ModelSummary, Role
from mme.archives.tar_stream import printable
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.ensemble_rules import ensemble_findings, steps_of
from mme.archives.triton.model import ModelReading, read_model
from mme.archives.triton.model_findings import model_findings
from mme.archives.triton.shell import first_shell_metacharacter
from mme.archives.triton.version_rules import is_version
from mme.findings import Finding

Layout = Literal["flat", "sub-directory", "ensemble", "ambiguous", "unknown"]

_ENSEMBLE_TEXT: Final = re.compile(rb'platform:\s*"ensemble"')
_MAX_WRAPPER_DEPTH: Final = 4
_CONFIG_LIKE: Final = re.compile(r"config\.pb", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TritonReading:
    """How Triton reads an archive.

    Attributes:
        layout: `unknown` if there is no model in it.
        main: The model that answers requests, if there is one.
        models: All of them, the main one first.
        findings: What is wrong.
    """

    layout: Layout
    main: ModelReading | None = None
    models: tuple[ModelSummary, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_triton(contents: Contents, endpoint: EndpointTraits) -> TritonReading:
    """Read an archive as the SageMaker server and Triton do.

    Args:
        contents: The archive's files.
        endpoint: Where it is to be served.
    """
    if contents.find(CONFIG_FILE):
        return _flat(contents, endpoint)
    reading = _nested(contents, endpoint)
    return replace(reading, findings=(*reading.findings, *_name_findings(contents.folders())))


def _nested(contents: Contents, endpoint: EndpointTraits) -> TritonReading:
    folders = contents.folders()
    readings = {folder: read_model(contents, folder, endpoint) for folder in folders}
    ensembles = [folder for folder in folders if _has_ensemble_text(contents, folder)]
    if len(ensembles) > 1:
        text = f"it holds {len(ensembles)} ensembles: {', '.join(ensembles)}; which one answers is undefined"
        hint = "make one archive for each ensemble, or put the steps of the inner one into the outer one"
        models = tuple(reading.summary("idle") for reading in readings.values())
        error = Finding.error("several-ensembles", text, hint)
        return TritonReading("ambiguous", models=models, findings=(error,))
    if ensembles:
        return _ensemble(contents, readings[ensembles[0]], readings)
    found = [folder for folder in folders if _is_model(contents, folder)]
    if len(folders) == 1 and found:
        return _sub_directory(contents, readings[found[0]], readings)
    if not found or all(is_version(folder) for folder in folders):
        return TritonReading("unknown", findings=(_nothing_to_load(contents, folders),))
    return _ambiguous(contents, found, readings)


def _name_findings(folders: Sequence[str]) -> Iterator[Finding]:
    for folder in folders:
        if letter := first_shell_metacharacter(folder):
            text = (
                f"the name {printable(folder)}/ holds {letter!r}, which the python backend passes to a shell"
            )
            hint = "rename it with letters, digits, dashes and underscores"
            yield Finding.error("shell-character", text, hint)


def config_missing() -> Finding:
    """Return the finding for a model without a configuration."""
    hint = f"write a {CONFIG_FILE} with its platform or backend, its inputs and outputs"
    text = f"{CONFIG_FILE} is missing; Triton can't tell what this model is"
    return Finding.error("config-missing", text, hint)


def _has_ensemble_text(contents: Contents, folder: str) -> bool:
    return bool(_ENSEMBLE_TEXT.search(contents.whole(f"{folder}/{CONFIG_FILE}") or b""))


def _flat(contents: Contents, endpoint: EndpointTraits) -> TritonReading:
    if contents.is_directory(CONFIG_FILE):
        return TritonReading("unknown", findings=(_config_directory(CONFIG_FILE),))
    main = read_model(contents, "", endpoint)
    findings = list(model_findings(main))
    role: Role = "model"
    if main.is_ensemble:
        role = "ensemble"
        findings += ensemble_findings(main, {}, flat=True)
    findings += _call_findings([main], main, set())
    return TritonReading("flat", main, (main.summary(role),), tuple(findings))


def _sub_directory(
    contents: Contents, main: ModelReading, readings: dict[str, ModelReading]
) -> TritonReading:
    """Read the one directory that is the model; the others are never loaded."""
    idle = [reading for reading in readings.values() if reading is not main]
    name = str(main.config.message.name) if main.config else ""
    findings = [*_config_findings(contents, main.folder), *model_findings(main)]
    if name and name != main.folder:
        text = f"{main.folder}/{CONFIG_FILE} calls the model {name!r}; requests name the archive only"
        findings.append(Finding.note("config-name", text, "remove name"))
    findings += _call_findings([main], main, set(readings))
    findings += _idle([reading.folder for reading in idle])
    models = (main.summary("model"), *(reading.summary("idle") for reading in idle))
    return TritonReading("sub-directory", main, models, tuple(findings))


def _ensemble(contents: Contents, main: ModelReading, readings: dict[str, ModelReading]) -> TritonReading:
    """Read the directory that the SageMaker server takes for an ensemble, and those that it needs."""
    if not main.is_ensemble:
        alone = _sub_directory(contents, main, readings)
        if main.config is None:
            return alone
        text = f'{main.folder}/{CONFIG_FILE} has platform: "ensemble" in a comment or a string'
        hint = "remove it: the SageMaker server takes this directory for an ensemble"
        warning = Finding.warning("ensemble-in-text", text, hint)
        return TritonReading(alone.layout, main, alone.models, (warning, *alone.findings))
    needed = _needed(main, readings)
    loaded = [main, *needed]
    findings: list[Finding] = []
    for reading in loaded:
        findings += [*_config_findings(contents, reading.folder), *model_findings(reading)]
        if reading.is_ensemble:
            findings += ensemble_findings(reading, readings, flat=False)
    findings += _call_findings(loaded, main, set(readings))
    called = {name for reading in loaded for name in reading.calls}
    others = [reading for reading in readings.values() if reading not in loaded]
    findings += _idle([reading.folder for reading in others if reading.folder not in called])
    models = (
        main.summary("ensemble"),
        *(reading.summary("step") for reading in needed),
        *(reading.summary("callee" if reading.folder in called else "idle") for reading in others),
    )
    return TritonReading("ensemble", main, models, tuple(findings))


def _needed(ensemble: ModelReading, readings: dict[str, ModelReading]) -> list[ModelReading]:
    """Return the models that load with an ensemble, including those of nested ensembles."""
    needed: list[ModelReading] = []
    waiting = [ensemble]
    while waiting:
        model = waiting.pop()
        for name in steps_of(model.config) if model.config and model.is_ensemble else ():
            step = readings.get(name)
            if step and step not in needed and step is not ensemble:
                needed.append(step)
                waiting.append(step)
    return needed


def _ambiguous(contents: Contents, models: Sequence[str], readings: dict[str, ModelReading]) -> TritonReading:
    """Several directories without a recognised ensemble."""
    findings = [finding for name in models for finding in _config_findings(contents, name)]
    hidden = [name for name in models if readings[name].is_ensemble]
    others = [f"{name}/" for name in readings if name not in models]
    if hidden:
        text = f"{hidden[0]}/{CONFIG_FILE} is an ensemble, but the SageMaker server does not recognise it"
        hint = 'write exactly platform: "ensemble", with double quotes and no blank before the colon'
        findings.append(Finding.error("ensemble-not-recognised", text, hint))
    elif len(models) == 1:
        text = f"next to the model {models[0]}/ is {', '.join(others)}; "
        text += "Triton takes the directory that the file system lists last"
        hint = f"remove it, or pack {models[0]}/ alone"
        findings.append(Finding.error("stray-directory", text, hint))
    else:
        text = f"it has no {CONFIG_FILE} of its own but holds {len(models)} models: {', '.join(models)}"
        hint = "make an archive for each of them, or add an ensemble that has them as steps"
        findings.append(Finding.error("several-models", text, hint))
    summaries = tuple(readings[name].summary("idle") for name in models)
    return TritonReading("ambiguous", models=summaries, findings=tuple(findings))


def _is_model(contents: Contents, folder: str) -> bool:
    if contents.find(f"{folder}/{CONFIG_FILE}"):
        return True
    return not is_version(folder) and any(is_version(name) for name in contents.folders(folder))


def _nothing_to_load(contents: Contents, folders: Sequence[str]) -> Finding:
    for folder in ["", *folders]:
        for member in contents.children(folder):
            if member.is_directory or not _CONFIG_LIKE.match(member.name) or member.name == CONFIG_FILE:
                continue
            hint = f"rename {member.path} to {f'{folder}/' if folder else ''}{CONFIG_FILE}"
            return Finding.error("config-misnamed", f"{member.path} must be called {CONFIG_FILE}", hint)
    configs = [
        member
        for member in contents.files
        if member.name == CONFIG_FILE and 2 <= member.depth <= _MAX_WRAPPER_DEPTH
    ]
    if configs:
        config = min(configs, key=lambda member: member.depth)
        inner = config.path.rpartition("/")[0]
        text = (
            f"{CONFIG_FILE} is {config.depth} levels deep, in {inner}/; Triton looks one level deep at most"
        )
        hint = f"pack {inner}/ itself, so that {CONFIG_FILE} is at the root"
        return Finding.error("wrapper-directory", text, hint)
    versions = [name for name in folders if is_version(name)]
    if versions:
        text = f"{CONFIG_FILE} is missing, and {versions[0]}/ is at the root; Triton's server takes it for "
        hint = f"write a {CONFIG_FILE} next to it, with the backend, inputs and outputs"
        return Finding.error("config-missing", text + "the model and finds no version in it", hint)
    return config_missing()


def _config_findings(contents: Contents, folder: str) -> Iterator[Finding]:
    config = contents.find(f"{folder}/{CONFIG_FILE}")
    if config is None:
        text = f"{folder}/{CONFIG_FILE} is missing; Triton makes one from the model, if the backend can and "
        text += "--disable-auto-complete-config is not set"
        hint = "write it: loads are faster, and callers can read the tensors from it"
        yield Finding.warning("config-auto", text, hint)
    elif config.is_directory:
        yield _config_directory(config.path)


def _config_directory(path: str) -> Finding:
    text = f"{path} is a directory; Triton ends when it reads it, and all its models with it"
    return Finding.error("config-directory", text, f"make {path} a file with the model's configuration")


def _idle(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        text = f"never loaded: {', '.join(f'{name}/' for name in names)}"
        yield Finding.note("idle-model", text, "pack only what is loaded")


def _call_findings(
    loaded: Sequence[ModelReading], main: ModelReading, present: set[str]
) -> Iterator[Finding]:
    """Check the calls from a model's code to others (business logic scripting)."""
    names = {reading.folder for reading in loaded if reading is not main}
    for reading in loaded:
        caller = f"the code of {reading.folder}" if reading.folder else "model.py"
        for path, source in reading.sources.items():
            if source.computed_calls:
                line = source.computed_calls[0]
                text = f"{path}, line {line}, calls a model whose name it computes; the call is not checked"
                hint = "give the called model a name that no other archive has; a call of a shared name fails"
                yield Finding.note("bls-computed-name", text, hint)
        for name, place in reading.calls.items():
            if name in names:
                text = (
                    f"{caller} calls {name} by its name ({place}); while another loaded archive, or another "
                )
                text += "version of this one, has a model of that name, the call fails in both"
                hint = f"give {name} a name that no other archive has, such as NAME_vN_{name}"
                yield Finding.warning("bls-shared-name", text, hint)
            elif name in reading.loads or "*" in reading.loads:
                continue
            elif name in present and name != main.folder:
                text = f"{caller} calls {name}, which is in the archive and is never loaded"
                hint = f'make {name} a step of an ensemble, or call pb_utils.load_model("{name}") first'
                yield Finding.warning("bls-not-loaded", text, hint)
            else:
                text = f"{caller} calls {name}, which is not in the archive; that call fails"
                hint = f"add {name}/ to an ensemble's archive, or do its work in the same code"
                yield Finding.warning("bls-missing", text, hint)

"""Which of an archive's directories Triton takes for the model, as its SageMaker server decides it.

Source: triton-inference-server/server, `src/sagemaker_server.cc`: config.pbtxt at the root makes it flat;
else the directory whose config has the text `platform: "ensemble"`; else the one listed last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explanation import ModelSummary, Role
from mme.archives.triton.config import CONFIG_FILE
from mme.archives.triton.ensemble_rules import ensemble_findings, steps_of
from mme.archives.triton.model import ModelReading, read_model
from mme.archives.triton.version_rules import is_version
from mme.findings import Finding

Layout = Literal["flat", "sub-directory", "ensemble", "ambiguous", "unknown"]

_ENSEMBLE_TEXT: Final = re.compile(rb'platform:\s*"ensemble"')
_DEEPEST_WRAPPER: Final = 4
_CONFIG_LIKE: Final = re.compile(r"config\.pb", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TritonReading:
    """How Triton reads an archive.

    Attributes:
        layout: of the four there are; `unknown` where there is no model in it.
        main: the model that answers requests, where there is one.
        models: all of them, the main one first.
        findings: what is wrong.
    """

    layout: Layout
    main: ModelReading | None
    models: tuple[ModelSummary, ...]
    findings: tuple[Finding, ...]


def read_triton(contents: Contents, endpoint: EndpointTraits) -> TritonReading:
    """Replays the SageMaker server's choice and Triton's loading of what it chose."""
    root = contents.find(CONFIG_FILE)
    folders = contents.folders()
    if root and root.is_directory:
        hint = f"make {CONFIG_FILE} a file with the model's configuration"
        text = f"{CONFIG_FILE} is a directory: Triton ends when it reads it, and all its models with it"
        return TritonReading("unknown", None, (), (Finding.error("config-directory", text, hint),))
    if root:
        return _flat(contents, endpoint)
    ensembles = [folder for folder in folders if _says_ensemble(contents, folder)]
    if len(ensembles) > 1:
        return _several_ensembles(contents, ensembles, folders, endpoint)
    chosen = ensembles or (folders if len(folders) == 1 else [])
    if not chosen:
        return _ambiguous(contents, folders, endpoint)
    fault = _no_model(contents, chosen[0])
    if fault:
        return TritonReading("unknown", None, (), (fault,))
    return _chosen(contents, chosen[0], folders, endpoint)


def _says_ensemble(contents: Contents, folder: str) -> bool:
    return bool(_ENSEMBLE_TEXT.search(contents.whole(f"{folder}/{CONFIG_FILE}") or b""))


def _flat(contents: Contents, endpoint: EndpointTraits) -> TritonReading:
    main = read_model(contents, "", endpoint)
    findings = [*main.findings, *_name_note(main)]
    role: Role = "model"
    if main.config and main.config.is_ensemble:
        role = "ensemble"
        findings += ensemble_findings(main, {}, flat=True)
    findings += _call_findings([main], main, set())
    return TritonReading("flat", main, (main.summary(role),), tuple(findings))


def _chosen(
    contents: Contents, folder: str, folders: Sequence[str], endpoint: EndpointTraits
) -> TritonReading:
    """One directory is the model; the others matter as far as it needs them."""
    readings = {name: read_model(contents, name, endpoint) for name in folders}
    main = readings[folder]
    findings = [*_config_faults(contents, folder), *main.findings]
    if not (main.config and main.config.is_ensemble):
        if main.config and _says_ensemble(contents, folder):
            text = f'{folder}/{CONFIG_FILE} has platform: "ensemble" in a comment or a text'
            hint = "remove it: the SageMaker server takes this directory for an ensemble"
            findings.append(Finding.warning("ensemble-in-text", text, hint))
        findings += _name_note(main)
        findings += _call_findings([main], main, set(readings))
        findings += _idle([name for name in folders if name != folder])
        idle = [readings[name].summary("idle") for name in folders if name != folder]
        return TritonReading("sub-directory", main, (main.summary("model"), *idle), tuple(findings))
    findings += ensemble_findings(main, readings, flat=False)
    needed = _needed(main, readings)
    for name in needed:
        findings += [*_config_faults(contents, name), *readings[name].findings]
        step = readings[name]
        if step.config and step.config.is_ensemble:
            findings += ensemble_findings(step, readings, flat=False)
    loaded = [main, *(readings[name] for name in needed)]
    findings += _call_findings(loaded, main, set(readings))
    called = {name for reading in loaded for name in reading.calls}
    rest = [name for name in folders if name != folder and name not in needed]
    findings += _idle([name for name in rest if name not in called])
    models = [
        main.summary("ensemble"),
        *(readings[name].summary("step") for name in needed),
        *(readings[name].summary("callee" if name in called else "idle") for name in rest),
    ]
    return TritonReading("ensemble", main, tuple(models), tuple(findings))


def _needed(ensemble: ModelReading, readings: dict[str, ModelReading]) -> list[str]:
    """The models that load with an ensemble, those of ensembles within it too."""
    needed: list[str] = []
    waiting = [ensemble]
    while waiting:
        config = waiting.pop().config
        for name in steps_of(config) if config and config.is_ensemble else ():
            if name in readings and name not in needed and name != ensemble.folder:
                needed.append(name)
                waiting.append(readings[name])
    return needed


def _several_ensembles(
    contents: Contents, ensembles: Sequence[str], folders: Sequence[str], endpoint: EndpointTraits
) -> TritonReading:
    text = f"it holds {len(ensembles)} ensembles: {', '.join(ensembles)}; which one answers is an accident"
    hint = "make one archive for each ensemble, or put the steps of the inner one into the outer one"
    models = tuple(read_model(contents, name, endpoint).summary("idle") for name in folders)
    return TritonReading("ambiguous", None, models, (Finding.error("several-ensembles", text, hint),))


def _ambiguous(contents: Contents, folders: Sequence[str], endpoint: EndpointTraits) -> TritonReading:
    """Several directories, or none, and no config at the root."""
    models = [name for name in folders if _is_model(contents, name)]
    if not models or all(is_version(name) for name in folders):
        fault = _nothing_to_load(contents, folders)
        return TritonReading("unknown", None, (), (fault,))
    readings = [read_model(contents, name, endpoint) for name in models]
    summaries = tuple(reading.summary("idle") for reading in readings)
    faults = [fault for name in models for fault in _config_faults(contents, name)]
    hidden = next(
        (reading.folder for reading in readings if reading.config and reading.config.is_ensemble), None
    )
    others = [name for name in folders if name not in models]
    if hidden:
        text = f"{hidden}/{CONFIG_FILE} is an ensemble, but the SageMaker server does not see it"
        hint = 'write exactly platform: "ensemble", with double quotes and no blank before the colon'
        faults.append(Finding.error("ensemble-not-recognised", text, hint))
    elif len(models) == 1:
        text = f"beside the model {models[0]}/ lies {', '.join(f'{name}/' for name in others)}: "
        text += "Triton takes the directory that the file system lists last"
        hint = f"remove it, or pack {models[0]}/ alone"
        faults.append(Finding.error("stray-directory", text, hint))
    else:
        text = f"it has no {CONFIG_FILE} of its own but holds {len(models)} models: {', '.join(models)}"
        hint = "make an archive for each of them, or add an ensemble that has them as steps"
        faults.append(Finding.error("several-models", text, hint))
    return TritonReading("ambiguous", None, summaries, tuple(faults))


def _is_model(contents: Contents, folder: str) -> bool:
    return contents.find(f"{folder}/{CONFIG_FILE}") is not None or any(
        is_version(name) for name in contents.folders(folder)
    )


def _no_model(contents: Contents, folder: str) -> Finding | None:
    """Why the only directory can't be a model; None where it can."""
    if contents.find(f"{folder}/{CONFIG_FILE}"):
        return None
    if not is_version(folder) and any(is_version(name) for name in contents.folders(folder)):
        return None
    return _nothing_to_load(contents, [folder])


def _nothing_to_load(contents: Contents, folders: Sequence[str]) -> Finding:
    for place in ["", *(f"{folder}/" for folder in folders)]:
        near = next(
            (
                member.path
                for member in contents.children(place.rstrip("/"))
                if not member.is_directory and _CONFIG_LIKE.match(member.name)
            ),
            None,
        )
        if near and not near.endswith(f"/{CONFIG_FILE}"):
            hint = f"rename {near} to {place}{CONFIG_FILE}"
            return Finding.error("config-misnamed", f"{near} must be called {CONFIG_FILE}", hint)
    deep = min(
        (
            member.path
            for member in contents.files
            if member.name == CONFIG_FILE and 2 <= member.depth <= _DEEPEST_WRAPPER
        ),
        key=lambda path: path.count("/"),
        default=None,
    )
    if deep:
        inner = deep.rpartition("/")[0]
        text = f"{CONFIG_FILE} is {deep.count('/')} levels deep, in {inner}/: Triton looks one deep at most"
        hint = f"pack {inner}/ itself, so that {CONFIG_FILE} lies at the root"
        return Finding.error("wrapper-directory", text, hint)
    versions = [name for name in folders if is_version(name)]
    if versions:
        text = f"{CONFIG_FILE} is missing, and {versions[0]}/ lies at the root: Triton's server takes it for "
        hint = f"write a {CONFIG_FILE} beside it, with the backend, inputs and outputs"
        return Finding.error("config-missing", text + "the model and finds no version in it", hint)
    hint = f"write a {CONFIG_FILE} with its platform or backend, its inputs and outputs"
    return Finding.error(
        "config-missing", f"{CONFIG_FILE} is missing: Triton can't tell what this model is", hint
    )


def _config_faults(contents: Contents, folder: str) -> Iterator[Finding]:
    config = contents.find(f"{folder}/{CONFIG_FILE}")
    if config is None:
        text = (
            f"{folder}/{CONFIG_FILE} is missing: Triton makes one from the model, where the backend can and "
        )
        text += "--disable-auto-complete-config is not given"
        hint = "write it: loads are faster, and callers can read the tensors from it"
        yield Finding.warning("config-auto", text, hint)
    elif config.is_directory:
        text = (
            f"{folder}/{CONFIG_FILE} is a directory: Triton ends when it reads it, and all its models with it"
        )
        yield Finding.error("config-directory", text, f"make {folder}/{CONFIG_FILE} a file")


def _name_note(model: ModelReading) -> Iterator[Finding]:
    name = str(model.config.message.name) if model.config else ""
    if name and model.folder and name != model.folder:
        text = f"{model.folder}/{CONFIG_FILE} calls the model {name!r}; requests name the archive alone"
        yield Finding.note("config-name", text, "leave name out")


def _idle(names: Sequence[str]) -> Iterator[Finding]:
    if names:
        text = f"never loaded: {', '.join(f'{name}/' for name in names)}"
        yield Finding.note("idle-model", text, "leave what is not loaded out of the archive")


def _call_findings(
    loaded: Sequence[ModelReading], main: ModelReading, present: set[str]
) -> Iterator[Finding]:
    """Calls from a model's code to others (business logic scripting)."""
    names = {reading.folder for reading in loaded if reading is not main}
    for reading in loaded:
        who = f"the code of {reading.folder}" if reading.folder else "model.py"
        for name in reading.calls:
            if name in names or name in reading.loads or "*" in reading.loads:
                continue
            if name in present and name != main.folder:
                text = f"{who} calls {name}, which is in the archive and is never loaded"
                hint = f'make {name} a step of an ensemble, or call pb_utils.load_model("{name}") first'
                yield Finding.warning("bls-not-loaded", text, hint)
            else:
                text = f"{who} calls {name}, which is not in the archive: that call fails"
                hint = f"add {name}/ to an ensemble's archive, or do its work in the same code"
                yield Finding.warning("bls-missing", text, hint)

"""Ensembles: whether their steps are there and fit together.

Source: triton-inference-server/core, `src/model_config_utils.cc` and `src/ensemble_scheduler`; each rule was
tried on Triton 2.51.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mme.archives.signature import TensorSpec
from mme.archives.triton.config import CONFIG_FILE, TritonConfig
from mme.archives.triton.model import ModelReading
from mme.findings import Finding


def ensemble_findings(
    ensemble: ModelReading, others: Mapping[str, ModelReading], *, flat: bool
) -> Iterator[Finding]:
    """Faults of an ensemble.

    Args:
        ensemble: its reading, with a config.
        others: all models that its steps may name, by name; itself among them.
        flat: the ensemble lies at the archive's root, where no step can be found.
    """
    config = ensemble.config
    if config is None:
        return
    source = f"{ensemble.folder}/{CONFIG_FILE}" if ensemble.folder else CONFIG_FILE
    faults = list(_config_faults(config.message, source))
    yield from faults
    steps = config.message.ensemble_scheduling.step
    for number, step in enumerate(steps):
        if step.model_name:
            yield from _step(step, f"step {number} of {source}", ensemble, others, flat=flat)
    if not faults:
        yield from _graph(config, source)
        yield from _types(config, source, others)


def steps_of(config: TritonConfig) -> tuple[str, ...]:
    """The models that an ensemble's steps name, each once."""
    return tuple(dict.fromkeys(str(step.model_name) for step in config.message.ensemble_scheduling.step))


def _config_faults(message: Any, source: str) -> Iterator[Finding]:
    def fault(text: str, hint: str) -> Finding:
        return Finding.error("ensemble-config", f"{source} {text}", hint)

    if str(message.platform) != "ensemble":
        yield fault("has ensemble_scheduling but another platform", 'write platform: "ensemble"')
    if message.backend:
        yield fault(f"is an ensemble and names the backend {message.backend!r}", "remove backend")
    if message.instance_group:
        yield fault("is an ensemble and has an instance_group", "move it to the steps' configs")
    if message.HasField("optimization"):
        yield fault("is an ensemble and has optimization", "move it to the steps' configs")
    if message.model_warmup:
        yield fault("is an ensemble and has model_warmup", "move it to the steps' configs")
    if not message.ensemble_scheduling.step:
        yield fault("is an ensemble without steps", "write ensemble_scheduling with a step for each model")
    for number, step in enumerate(message.ensemble_scheduling.step):
        for field in ("model_name", "input_map", "output_map"):
            if not getattr(step, field):
                yield fault(f"has no {field} in step {number}", f"add {field}")


def _step(
    step: Any, where: str, ensemble: ModelReading, others: Mapping[str, ModelReading], *, flat: bool
) -> Iterator[Finding]:
    name = str(step.model_name)
    if flat:
        text = f"{where} names {name}, and at an archive's root an ensemble has no other models"
        hint = "put the ensemble into a directory of its own, beside the directories of its steps"
        yield Finding.error("ensemble-step-missing", text, hint)
        return
    model = others.get(name)
    if model is None:
        present = ", ".join(sorted(set(others) - {ensemble.folder})) or "none"
        hint = f"add the directory {name}/, or name one of those there are: {present}"
        yield Finding.error(
            "ensemble-step-missing", f"{where} names {name}, which is not in the archive", hint
        )
        return
    if model.folder == ensemble.folder:
        yield Finding.error("ensemble-loop", f"{where} is the ensemble itself", "remove the step")
        return
    if model.config is None:
        return
    own_name = str(model.config.message.name)
    if own_name and own_name != name:
        text = f"{model.folder}/{CONFIG_FILE} calls the model {own_name!r}; as a step it must be {name!r}"
        yield Finding.error("ensemble-step-name", text, "rename it, or remove name from the config")
    version = int(step.model_version)
    if version > 0 and version not in model.versions.served:
        loaded = ", ".join(map(str, model.versions.served)) or "none"
        text = f"{where} asks for version {version} of {name}; loaded would be: {loaded}"
        yield Finding.error("ensemble-step-version", text, "write model_version: -1 for the newest")
    for kind, mapped, declared in (
        ("input", step.input_map, model.config.signature.inputs),
        ("output", step.output_map, model.config.signature.outputs),
    ):
        known = {spec.name for spec in declared}
        for key in mapped:
            if known and key not in known:
                text = f"{where} maps the {kind} {key}, and {name} has: {', '.join(sorted(known))}"
                yield Finding.error("ensemble-map", text, f"the key of {kind}_map is the model's own tensor")
    for tensor in model.config.message.input:
        if tensor.name not in step.input_map and not tensor.optional and step.input_map:
            text = f"{where} leaves the input {tensor.name} of {name} without a tensor"
            yield Finding.error(
                "ensemble-map", text, f"add it to input_map, or mark it optional in {name}'s config"
            )


def _graph(config: TritonConfig, source: str) -> Iterator[Finding]:
    """Every tensor is written once, and read unless it is an output."""
    steps = config.message.ensemble_scheduling.step
    inputs = {spec.name for spec in config.signature.inputs}
    outputs = {spec.name for spec in config.signature.outputs}
    written: list[str] = [tensor for step in steps for tensor in step.output_map.values()]
    read = {tensor for step in steps for tensor in step.input_map.values()}
    for tensor in sorted({tensor for tensor in written if written.count(tensor) > 1}):
        text = f"two steps of {source} write the tensor {tensor}"
        yield Finding.error("ensemble-graph", text, "give each output_map its own tensors")
    for tensor in sorted(inputs - read):
        text = f"no step of {source} reads the input {tensor}"
        yield Finding.error("ensemble-graph", text, "map it in a step's input_map, or remove it")
    for tensor in sorted(outputs - set(written) - inputs):
        text = f"no step of {source} writes the output {tensor}"
        yield Finding.error("ensemble-graph", text, "map it in a step's output_map, or remove it")
    for tensor in sorted(read - set(written) - inputs):
        text = f"a step of {source} reads {tensor}, which neither a step nor a request provides"
        yield Finding.error("ensemble-graph", text, "write it in a step before, or declare it as an input")
    for tensor in sorted(set(written) - read - outputs):
        text = f"a step of {source} writes {tensor}, which nothing reads"
        yield Finding.error("ensemble-graph", text, "leave it out of output_map, or declare it as an output")
    if not _all_ready(steps, inputs):
        text = f"the steps of {source} wait for each other"
        yield Finding.error("ensemble-graph", text, "no step may need, even indirectly, what it writes")


def _all_ready(steps: Any, inputs: set[str]) -> bool:
    """Whether the steps can run one after the other, tensors from nowhere taken as given."""
    written = {tensor for step in steps for tensor in step.output_map.values()}
    waiting = list(steps)
    ready = set(inputs)
    while waiting:
        able = [s for s in waiting if all(t in ready or t not in written for t in s.input_map.values())]
        if not able:
            return False
        ready |= {tensor for step in able for tensor in step.output_map.values()}
        waiting = [step for step in waiting if step not in able]
    return True


def _types(config: TritonConfig, source: str, others: Mapping[str, ModelReading]) -> Iterator[Finding]:
    """Type and shape of each tensor, as the ensemble and its steps declare them."""
    batched = config.signature.max_batch_size > 0
    seen: dict[str, tuple[TensorSpec, bool, str]] = {}
    told: set[str] = set()
    for spec in (*config.signature.inputs, *config.signature.outputs):
        seen.setdefault(spec.name, (spec, batched, source))
    for step in config.message.ensemble_scheduling.step:
        model = others.get(str(step.model_name))
        if model is None or model.config is None:
            continue
        signature = model.config.signature
        for mapped, declared in ((step.input_map, signature.inputs), (step.output_map, signature.outputs)):
            for key, tensor in mapped.items():
                own = next((one for one in declared if one.name == key), None)
                if own is None or tensor in told:
                    continue
                first = seen.setdefault(tensor, (own, signature.max_batch_size > 0, model.folder))
                difference = _difference(first, (own, signature.max_batch_size > 0, model.folder))
                if difference:
                    told.add(tensor)
                    text = f"the tensor {tensor} of {source} is {difference}"
                    yield Finding.error("ensemble-tensor", text, "make type, dims and max_batch_size agree")


def _difference(first: tuple[TensorSpec, bool, str], second: tuple[TensorSpec, bool, str]) -> str | None:
    if "INVALID" in (first[0].datatype, second[0].datatype) or not (first[0].dims and second[0].dims):
        return None
    if first[0].datatype != second[0].datatype:
        return f"{first[0].datatype} in {first[2]} and {second[0].datatype} in {second[2]}"
    if _agree(first[0].dims, second[0].dims):
        return None
    ours, theirs = ((-1, *spec.dims) if batched else spec.dims for spec, batched, _ in (first, second))
    # A model that takes no batch takes it as its first dim, where that is of any length.
    if not _agree(ours, theirs):
        return f"{list(ours)} in {first[2]} and {list(theirs)} in {second[2]}, with the batch"
    return None


def _agree(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return len(first) == len(second) and all(
        a == b or -1 in (a, b) for a, b in zip(first, second, strict=True)
    )

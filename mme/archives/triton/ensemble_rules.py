"""Whether an ensemble's steps are there and fit together.

Source: triton-inference-server/core, `src/model_config_utils.cc` and `src/ensemble_scheduler`; each rule was
tried on Triton 2.51.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mme.archives.signature import TensorSignature, TensorSpec
from mme.archives.triton.config import CONFIG_FILE, TritonConfig
from mme.archives.triton.model import ModelReading
from mme.findings import Finding


def ensemble_findings(
    ensemble: ModelReading, others: Mapping[str, ModelReading], *, flat: bool
) -> Iterator[Finding]:
    """Yield what is wrong with an ensemble.

    Args:
        ensemble: Its reading, with a config.
        others: All models that its steps may name, by name, itself included.
        flat: Whether the ensemble is at the archive's root, so that it can have no steps.
    """
    config = ensemble.config
    if config is None:
        return
    source = ensemble.config_path
    faults = list(_config_findings(config.message, source))
    yield from faults
    steps = config.message.ensemble_scheduling.step
    for number, step in enumerate(steps):
        if step.model_name:
            yield from _step(step, f"step {number} of {source}", ensemble, others, flat=flat)
    if not faults:
        yield from _graph(config, source)
        yield from _types(config, source, others)


def steps_of(config: TritonConfig) -> tuple[str, ...]:
    """Return the models that an ensemble's steps name, each once."""
    return tuple(dict.fromkeys(str(step.model_name) for step in config.message.ensemble_scheduling.step))


def _config_findings(message: Any, source: str) -> Iterator[Finding]:
    def fault(text: str, hint: str) -> Finding:
        return Finding.error("ensemble-config", f"{source} {text}", hint)

    if str(message.platform) != "ensemble":
        yield fault("has ensemble_scheduling but another platform", 'write platform: "ensemble"')
    if message.backend:
        yield fault(f"is an ensemble and names the backend {message.backend!r}", "remove backend")
    present = {
        "instance_group": message.instance_group,
        "optimization": message.HasField("optimization"),
        "model_warmup": message.model_warmup,
    }
    for field in (name for name, value in present.items() if value):
        yield fault(f"is an ensemble and has {field}", "move it to the steps' configs")
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
        hint = "put the ensemble into its own directory, next to the directories of its steps"
        yield Finding.error("ensemble-step-missing", text, hint)
        return
    model = others.get(name)
    if model is None:
        present = ", ".join(sorted(set(others) - {ensemble.folder})) or "none"
        hint = f"add the directory {name}/, or name one of: {present}"
        yield Finding.error(
            "ensemble-step-missing", f"{where} names {name}, which is not in the archive", hint
        )
        return
    if model.folder == ensemble.folder:
        yield Finding.error("ensemble-loop", f"{where} is the ensemble itself", "remove the step")
        return
    version = int(step.model_version)
    if version != -1 and version not in model.versions.served:
        loaded = ", ".join(map(str, model.versions.served)) or "none"
        asked = (
            f"version {version} of {name}" if version else f"version 0 of {name}, as model_version is not set"
        )
        text = f"{where} asks for {asked}; loaded would be: {loaded}"
        yield Finding.error("ensemble-step-version", text, "write model_version: -1 for the newest")
    if model.config is None:
        return
    own_name = str(model.config.message.name)
    if own_name and own_name != name:
        text = f"{model.folder}/{CONFIG_FILE} calls the model {own_name!r}; as a step it must be {name!r}"
        yield Finding.error("ensemble-step-name", text, "rename it, or remove name from the config")
    yield from _batch_and_options(step, where, ensemble, model.config)
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


def _batch_and_options(
    step: Any, where: str, ensemble: ModelReading, config: TritonConfig
) -> Iterator[Finding]:
    outer = ensemble.config.message if ensemble.config else config.message
    inner = config.message
    if outer.max_batch_size > inner.max_batch_size:
        text = f"{where} takes batches of {inner.max_batch_size}, and the ensemble of {outer.max_batch_size}"
        yield Finding.error(
            "ensemble-batch", text, "lower the ensemble's max_batch_size, or raise the step's"
        )
    optional = {tensor.name for tensor in outer.input if tensor.optional}
    for tensor in inner.input:
        if not tensor.optional and step.input_map.get(tensor.name) in optional:
            text = f"{where} gives the required input {tensor.name} an optional input of the ensemble"
            hint = "mark both optional, or both required: a request without it fails"
            yield Finding.warning("ensemble-optional", text, hint)


def _graph(config: TritonConfig, source: str) -> Iterator[Finding]:
    """Check that every tensor is written once, and read unless it is an output."""
    steps = config.message.ensemble_scheduling.step
    inputs = {spec.name for spec in config.signature.inputs}
    outputs = {spec.name for spec in config.signature.outputs}
    written: list[str] = [tensor for step in steps for tensor in step.output_map.values()]
    read = {tensor for step in steps for tensor in step.input_map.values()}
    twice = {tensor for tensor in written if written.count(tensor) > 1}
    unread, unwritten = inputs - read, outputs - set(written) - inputs
    unprovided, unused = read - set(written) - inputs, set(written) - read - outputs
    for tensors, text, hint in (
        (twice, "two steps of {} write the tensor {}", "give each output_map its own tensors"),
        (unread, "no step of {} reads the input {}", "map it in a step's input_map, or remove it"),
        (unwritten, "no step of {} writes the output {}", "map it in a step's output_map, or remove it"),
        (
            unprovided,
            "a step of {} reads {}, which neither a step nor a request provides",
            "write it in a step before, or declare it as an input",
        ),
        (
            unused,
            "a step of {} writes {}, which nothing reads",
            "remove it from output_map, or declare it as an output",
        ),
    ):
        for tensor in sorted(tensors):
            yield Finding.error("ensemble-graph", text.format(source, tensor), hint)
    if not _all_ready(steps, inputs):
        text = f"the steps of {source} wait for each other"
        yield Finding.error("ensemble-graph", text, "no step may need, even indirectly, what it writes")


def _all_ready(steps: Any, inputs: set[str]) -> bool:
    """Return whether the steps can run one after the other if tensors that no step writes are given."""
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
    """Compare the type and shape of each tensor, as the ensemble and its steps declare them."""
    declared_as: dict[str, _Declared] = {}
    reported: set[str] = set()
    signature = config.signature
    for spec in (*signature.inputs, *signature.outputs):
        declared_as.setdefault(spec.name, _Declared(spec, signature, source))
    for step in config.message.ensemble_scheduling.step:
        model = others.get(str(step.model_name))
        if model is None or model.config is None:
            continue
        signature = model.config.signature
        for mapped, specs in ((step.input_map, signature.inputs), (step.output_map, signature.outputs)):
            by_name = {spec.name: spec for spec in reversed(specs)}
            for key, tensor in mapped.items():
                if key not in by_name or tensor in reported:
                    continue
                here = _Declared(by_name[key], signature, model.folder)
                difference = _difference(declared_as.setdefault(tensor, here), here)
                if difference:
                    reported.add(tensor)
                    text = f"the tensor {tensor} of {source} is {difference}"
                    yield Finding.error("ensemble-tensor", text, "make type, dims and max_batch_size agree")


@dataclass(frozen=True, slots=True)
class _Declared:
    """A tensor as one of the models declares it."""

    spec: TensorSpec
    signature: TensorSignature
    where: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.signature.request_shape(self.spec)


def _difference(first: _Declared, second: _Declared) -> str | None:
    types, dims = (first.spec.datatype, second.spec.datatype), (first.spec.dims, second.spec.dims)
    if "INVALID" in types or () in dims:
        return None
    if types[0] != types[1]:
        return f"{types[0]} in {first.where} and {types[1]} in {second.where}"
    # A model without batching takes the batch as its first dim, if that is of any length.
    if _agree(*dims) or _agree(first.shape, second.shape):
        return None
    return f"{list(first.shape)} in {first.where} and {list(second.shape)} in {second.where}, with the batch"


def _agree(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return len(first) == len(second) and all(
        a == b or -1 in (a, b) for a, b in zip(first, second, strict=True)
    )

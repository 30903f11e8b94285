"""What is wrong with a model.onnx, its files and config.pbtxt: the backend's refusals in a user's words."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.model_files.onnx_model import OnnxModel, OnnxTensor
from mme.archives.signature import TensorSignature, TensorSpec
from mme.archives.triton.config import TritonConfig
from mme.archives.triton.onnxruntime_rules import (
    ModelTensor,
    ModelTensors,
    Refusal,
    completed,
    fits,
    needs_completion,
    refusals,
)
from mme.catalog.onnx_runtime import onnx_runtime_of
from mme.findings import Finding

_PROTOBUF_MAX_BYTES: Final = 2**31 - 1
"""Largest message that protobuf parses. Source: protobuf.dev, "Proto Limits"."""

_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A model.onnx in a version directory, and what belongs to it.

    Attributes:
        path: In the archive.
        model: What it says.
        config: The model's configuration; None if Triton makes one.
        config_path: Of the configuration, for messages.
    """

    path: str
    model: OnnxModel
    config: TritonConfig | None
    config_path: str

    @property
    def tensors(self) -> ModelTensors:
        """The model's tensors as the backend sees them: it takes an input without a shape for a number."""
        inputs = [replace(one, dims=one.dims or ()) for one in map(_tensor, self.model.inputs)]
        sides = (self.model.outputs, self.model.overridable)
        return ModelTensors(inputs, *([_tensor(one) for one in side] for side in sides))

    @property
    def given(self) -> dict[str, Any]:
        """The configuration as JSON; empty if there is none."""
        from google.protobuf.json_format import MessageToDict

        if self.config is None:
            return {}
        found: dict[str, Any] = MessageToDict(self.config.message, preserving_proto_field_name=True)
        return found

    def signature(self) -> TensorSignature:
        """Return the model's tensors as the backend serves them: the configuration's, completed."""
        given = self.config.signature if self.config else TensorSignature()
        config = self.given
        try:
            made = completed(config, self.tensors) if needs_completion(config) else None
        except ValueError:
            made = None
        if made is None:
            return given
        return TensorSignature(
            inputs=given.inputs or tuple(map(_spec, made.get("input", ()))),
            outputs=given.outputs or tuple(map(_spec, made["output"])),
            max_batch_size=int(made.get("max_batch_size", 0)),
            platform=given.platform or "onnxruntime_onnx",
        )


def _tensor(tensor: OnnxTensor) -> ModelTensor:
    name = "STRING" if tensor.datatype == "BYTES" else tensor.datatype or "INVALID"
    return ModelTensor(tensor.name, tensor.kind, f"TYPE_{name}", tensor.dims)


def _spec(given: Mapping[str, Any]) -> TensorSpec:
    name = given["data_type"].removeprefix("TYPE_")
    return TensorSpec(given["name"], "BYTES" if name == "STRING" else name, tuple(given["dims"]))


def onnx_findings(
    file: OnnxFile, size: int, contents: Contents, endpoint: EndpointTraits
) -> Iterator[Finding]:
    """Yield why ONNX Runtime's backend would not load a model.

    Args:
        file: The model.
        size: Of its file, in bytes.
        contents: The archive.
        endpoint: Where it is to be served.
    """
    yield from _version(file, endpoint)
    if size > _PROTOBUF_MAX_BYTES:
        text = f"{file.path} has {size:,} bytes; ONNX Runtime reads at most {_PROTOBUF_MAX_BYTES:,}"
        hint = "save its weights next to it: onnx.save(model, path, save_as_external_data=True)"
        yield Finding.error("onnx-too-large", text, hint)
    for location, least in file.model.external.items():
        yield from _external(file.path, location, least, contents)
    libraries = file.config and file.config.message.model_operations.op_library_filename
    if file.model.custom and not libraries:
        text = f"{file.path} has operators of {', '.join(file.model.custom[:_SHOWN])}, which ONNX Runtime "
        hint = "export it without custom operators, or name their library in model_operations"
        yield Finding.error("onnx-custom-operator", text + "does not have", hint)
    # Requests need not have overridable inputs: only their kind matters.
    inputs = *file.model.inputs, *(one for one in file.model.overridable if one.kind != "tensor")
    kinds = [*_kinds(file, "input", inputs), *_kinds(file, "output", file.model.outputs)]
    yield from kinds
    if kinds or file.config is None:
        return
    tensors = file.tensors
    try:
        config = completed(file.given, tensors)
    except ValueError:
        everything = (*tensors.inputs, *tensors.outputs)
        yield _not_batched(file, file.given, next(one for one in everything if not one.batched))
        return
    for refusal in refusals(config, tensors):
        yield from _worded(file, config, refusal)


def _version(file: OnnxFile, endpoint: EndpointTraits) -> Iterator[Finding]:
    runtime = onnx_runtime_of(endpoint.image_version)
    if runtime is None:
        return
    image = f"ONNX Runtime {runtime.version} of Triton {runtime.image}"
    if endpoint.image_version is None:
        image += ", the newest image,"
    if file.model.opset > runtime.opset:
        text = f"{file.path} has operator set {file.model.opset}; {image} loads up to {runtime.opset}"
        hint = f"export it with opset_version={runtime.opset}, or use a newer image"
        yield Finding.warning("onnx-opset", text, hint)
    if file.model.ir_version > runtime.ir_version:
        text = f"{file.path} has IR version {file.model.ir_version}; {image} loads up to {runtime.ir_version}"
        hint = f"set model.ir_version = {runtime.ir_version} and save it again, or use a newer image"
        yield Finding.warning("onnx-ir-version", text, hint)


def _external(path: str, location: str, least: int, contents: Contents) -> Iterator[Finding]:
    folder = posixpath.dirname(path)
    target = posixpath.normpath(posixpath.join(folder, location))
    if not location or location.startswith("/") or not target.startswith(f"{folder}/"):
        text = f"{path} has weights in {location!r}, outside {folder}/; ONNX Runtime refuses that"
        hint = (
            "save them next to it: onnx.save(model, path, save_as_external_data=True, location='weights.bin')"
        )
        yield Finding.error("onnx-external-outside", text, hint)
        return
    found = contents.find(target)
    if found is None or found.is_directory:
        text = f"{target} is missing, which holds weights of {path}"
        hint = f"add it under this name; the model names it {location}"
        others = [one.name for one in contents.children(folder) if one.name != posixpath.basename(path)]
        if close := get_close_matches(posixpath.basename(location), others, n=1, cutoff=0.3):
            hint = f"rename {close[0]} to {location}, the name in the model"
        yield Finding.error("onnx-external-missing", text, hint)
    elif found.size < least:
        text = f"{target} has {found.size:,} bytes; {path} needs {least:,} of it"
        yield Finding.error("onnx-external-short", text, "a copy was cut off, or it belongs to another model")


def _kinds(file: OnnxFile, side: str, tensors: Sequence[OnnxTensor]) -> Iterator[Finding]:
    for tensor in tensors:
        where = f"the {side} {tensor.name} of {file.path}"
        if tensor.kind == "tensor" and not tensor.datatype:
            text = f"{where} has an element type that Triton does not have"
            yield Finding.error("onnx-tensor-kind", text, "cast it to FP32 or another type in the model")
        elif tensor.kind != "tensor":
            text = f"{where} is a {tensor.kind}; Triton serves tensors only, and refuses the whole model"
            hint = "convert the model again without it"
            if side == "output" and tensor.kind in ("sequence", "map"):
                hint = "convert it again with zipmap off: to_onnx(model, X, options={'zipmap': False})"
            yield Finding.error("onnx-tensor-kind", text, hint)


def _worded(file: OnnxFile, config: Mapping[str, Any], refusal: Refusal) -> Iterator[Finding]:
    """Yield a refusal of the backend in a user's words."""
    where = f"the {refusal.side} {refusal.name} in {file.config_path}"
    tensor = refusal.tensor
    if refusal.rule == "number":
        yield from _number(file, config)
    elif refusal.rule == "optional":
        text = f"{file.config_path} marks {refusal.name} as optional, which batching excludes"
        yield Finding.error("onnx-optional", text, "remove optional, or write max_batch_size: 0")
    elif tensor is None:
        yield _unknown(file, config, refusal.side, refusal.name)
    elif refusal.rule == "control":
        text = f"{file.path} does not take {refusal.name} as a sequence control: {refusal.message}"
        yield Finding.error("onnx-control", text, "export the model with a control of one number per item")
    elif refusal.rule == "type":
        wanted = refusal.given.get("data_type", "TYPE_INVALID")
        text = f"{where} is {wanted}; in {file.path} it is {tensor.data_type}"
        yield Finding.error("tensor-type", text, f"data_type: {tensor.data_type}")
    elif refusal.rule == "ragged":
        text = (
            f"{where} allows ragged batches; its shape in {file.path} is {list(tensor.dims or ())}, not [-1]"
        )
        yield Finding.error("tensor-dims", text, "remove allow_ragged_batch")
    elif refusal.rule == "scalar":
        text = f"{where} has dims {list(refusal.shape)}; in {file.path} it is a single number"
        hint = "dims: [ 1 ]"
        if any(one.name == refusal.name and one.dims is None for one in file.model.inputs):
            text = (
                f"{file.path} gives no shape of the input {refusal.name}; Triton takes it for a single number"
            )
            hint = "give the input a shape when you export the model"
        yield Finding.error("tensor-dims", text, hint)
    elif refusal.rule == "batch":
        yield _not_batched(file, config, tensor)
    else:
        yield _dims(file, config, refusal, tensor.dims or ())


def _number(file: OnnxFile, config: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield why the number of inputs differs; unknown names and controls have their own refusals."""
    declared = config.get("input", ())
    required = {one.name for one in file.model.inputs}
    optional = {one.name for one in file.model.overridable}
    sequence = config.get("sequence_batching", {})
    fed = {name for one in config.get("batch_input", ()) for name in one.get("target_name", ())}
    fed |= {state.get("input_name", "") for state in sequence.get("state", ())}
    controls = {control.get("name", "") for control in sequence.get("control_input", ())}
    for one in declared:
        name = one["name"]
        if one.get("optional") and name in required and not config.get("max_batch_size"):
            text = (
                f"{file.config_path} has the optional input {name}, which {file.path} needs in each request"
            )
            yield Finding.error("onnx-optional", text, "remove optional")
        elif not one.get("optional") and name in optional:
            text = f"{file.config_path} has the input {name}, which {file.path} has a value for"
            yield Finding.error("onnx-optional", text, "remove the input, or write optional: true")
        elif name in fed | controls:
            text = f"{file.config_path} declares the input {name}, which Triton itself feeds too"
            hint = "remove the input, or what feeds it: batch_input, or a control or state of a sequence"
            yield Finding.error("onnx-fed-input", text, hint)
    for name in sorted(fed - required):
        yield _unknown(file, config, "input", name)
    given = {one["name"] for one in declared}
    missing = [one.name for one in file.model.inputs if one.name not in given | fed | controls]
    if missing and given <= required | optional:
        text = f"{file.path} needs {_listed(missing)}, which {file.config_path} does not declare as an input"
        yield Finding.error("tensor-missing", text, f"add the input {missing[0]}")


def _unknown(file: OnnxFile, config: Mapping[str, Any], side: str, name: str) -> Finding:
    tensors = (*file.model.inputs, *file.model.overridable) if side == "input" else file.model.outputs
    given = {one["name"] for one in config.get(side, ())}
    others = [one.name for one in tensors if one.name not in given]
    text = (
        f"{file.config_path} has the {side} {name}, which {file.path} does not have; it has {_listed(others)}"
    )
    close = get_close_matches(name.lower(), [other.lower() for other in others], n=1)
    best = next((other for other in others if close and other.lower() == close[0]), None)
    if best is None and len(others) == 1:
        best = others[0]
    hint = f"name it {best}" if best else f"name the {side}s as the model does"
    return Finding.error("tensor-unknown", text, hint)


def _dims(file: OnnxFile, config: Mapping[str, Any], refusal: Refusal, real: Sequence[int]) -> Finding:
    where = f"the {refusal.side} {refusal.name} in {file.config_path}"
    shape = list(refusal.shape)
    if fits(real, shape, exact=False):
        # The file may leave open what ONNX Runtime finds out from the graph while it loads the model.
        text = f"{where} has the shape {shape}; {file.path} leaves it open: {list(real)}"
        hint = "Triton refuses it unless ONNX Runtime finds these sizes itself: mme models try, or write -1"
        return Finding.warning("tensor-dims-open", text, hint)
    text = f"{where} has the shape {shape}; in {file.path} it is {list(real)}"
    return Finding.error(
        "tensor-dims", text, _dims_hint(refusal, real, batches=bool(config.get("max_batch_size")))
    )


def _dims_hint(refusal: Refusal, real: Sequence[int], *, batches: bool) -> str:
    reshaped = "reshape" in refusal.given
    wanted = list(real[1:]) if batches else list(real)
    if not wanted:
        return "dims: [ 1 ] reshape { shape: [ ] }"
    if not batches and list(real) == [-1, *refusal.shape]:
        return f"dims: {_text(wanted)}, or max_batch_size: 8 so that the first dim is the batch"
    if batches and list(real) == list(refusal.shape[1:]):
        return f"dims: {_text(wanted)}, without the batch, which max_batch_size adds"
    return f"{'reshape { shape: ' if reshaped else 'dims: '}{_text(wanted)}{' }' if reshaped else ''}"


def _not_batched(file: OnnxFile, config: Mapping[str, Any], tensor: ModelTensor) -> Finding:
    text = (
        f"{file.config_path} has max_batch_size: {config['max_batch_size']}; {tensor.name} in {file.path} "
        f"has the shape {list(tensor.dims or ())}, and its first dim must be -1"
    )
    hint = "write max_batch_size: 0 and dims with all of its dims, or export it with a dynamic first axis"
    return Finding.error("tensor-batch", text, hint)


def _text(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]"


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no other"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

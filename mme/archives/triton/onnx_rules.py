"""What Triton's ONNX Runtime backend requires of a config.pbtxt and of the model's files.

Source of the rules: triton-inference-server/onnxruntime_backend, `src/onnxruntime.cc` and
`src/onnxruntime_utils.cc`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.model_files.onnx_model import OnnxModel, OnnxTensor
from mme.archives.signature import TensorSignature, TensorSpec
from mme.archives.triton.config import TritonConfig
from mme.catalog.onnx_runtime import onnx_runtime_of
from mme.findings import Finding

DEFAULT_BATCH_SIZE: Final = 4
"""max_batch_size of a completed configuration. Source: Triton user guide, `--backend-config
default-max-batch-size`."""

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
    def batches(self) -> bool:
        """Whether every tensor has a first dim of any size, so that the backend may batch."""
        return all(_is_batched(one) for one in (*self.model.inputs, *self.model.outputs))

    @property
    def completes(self) -> bool:
        """Whether the backend fills in inputs, outputs or both; it does so only if one list is empty."""
        message = self.config.message if self.config else None
        return message is None or not ((message.input or message.batch_input) and message.output)

    @property
    def max_batch_size(self) -> int:
        """The configuration's, or the one that the backend fills in."""
        given = self.config.signature.max_batch_size if self.config else 0
        return given or (DEFAULT_BATCH_SIZE if self.completes and self.batches else 0)

    def signature(self) -> TensorSignature:
        """Return the model's tensors as the backend serves them: the configuration's, completed."""
        given = self.config.signature if self.config else TensorSignature()
        if not self.completes:
            return given
        size = self.max_batch_size
        return TensorSignature(
            inputs=given.inputs or tuple(_spec(one, size) for one in self.model.inputs),
            outputs=given.outputs or tuple(_spec(one, size) for one in self.model.outputs),
            max_batch_size=size,
            platform=given.platform or "onnxruntime_onnx",
        )


def _is_batched(tensor: OnnxTensor) -> bool:
    return tensor.dims is None or tensor.dims[:1] == (-1,)


def _spec(tensor: OnnxTensor, max_batch_size: int) -> TensorSpec:
    dims = (tensor.dims or ())[1 if max_batch_size else 0 :]
    return TensorSpec(tensor.name, tensor.datatype, dims or (1,))


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
    kinds = [*_kinds(file, "input", file.model.inputs), *_kinds(file, "output", file.model.outputs)]
    yield from kinds
    if kinds:
        return
    if file.config and file.completes and file.config.signature.max_batch_size and not file.batches:
        yield _not_batched(file, next(one for one in _tensors(file.model) if not _is_batched(one)))
    elif file.config:
        yield from _inputs(file, file.config.message)
        yield from _outputs(file, file.config.message)


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


def _inputs(file: OnnxFile, message: Any) -> Iterator[Finding]:
    if not message.input:
        return
    known = {one.name: one for one in (*file.model.inputs, *file.model.overridable)}
    required = {one.name for one in file.model.inputs}
    extra = _extra_inputs(message)
    given = {tensor.name for tensor in message.input} | extra
    for tensor in message.input:
        if tensor.name not in known:
            yield _unknown(file, "input", tensor.name, [name for name in known if name not in given])
        elif tensor.optional and file.max_batch_size:
            text = f"{file.config_path} marks {tensor.name} as optional, which batching excludes"
            yield Finding.error("onnx-optional", text, "remove optional, or write max_batch_size: 0")
        elif tensor.optional == (tensor.name in required):
            fits = "needs in each request" if tensor.optional else "has a value for"
            text = (
                f"{file.config_path} has {'the optional' if tensor.optional else 'the'} input {tensor.name}, "
            )
            hint = "remove optional" if tensor.optional else "remove the input, or write optional: true"
            yield Finding.error("onnx-optional", f"{text}which {file.path} {fits}", hint)
        else:
            yield from _tensor(file, "input", tensor, known[tensor.name], exact=False)
    for name in sorted(extra - required):
        yield _unknown(file, "input", name, [])
    fed_twice = [tensor.name for tensor in message.input if tensor.name in extra]
    if fed_twice:
        text = f"{file.config_path} declares the input {fed_twice[0]}, which Triton itself feeds too"
        hint = "remove the input, or what feeds it: batch_input, or a control or state of a sequence"
        yield Finding.error("onnx-fed-input", text, hint)
    missing = [one.name for one in file.model.inputs if one.name not in given]
    unknown = [tensor.name for tensor in message.input if tensor.name not in known]
    if missing and not unknown:
        text = f"{file.path} needs {_listed(missing)}, which {file.config_path} does not declare as an input"
        yield Finding.error("tensor-missing", text, f"add the input {missing[0]}")


def _extra_inputs(message: Any) -> set[str]:
    """Return inputs that Triton itself feeds: batch tensors, and a sequence's controls and states."""
    sequence = message.sequence_batching
    names = {name for one in message.batch_input for name in one.target_name}
    names |= {control.name for control in sequence.control_input}
    return names | {state.input_name for state in sequence.state}


def _outputs(file: OnnxFile, message: Any) -> Iterator[Finding]:
    known = {one.name: one for one in file.model.outputs}
    given = {tensor.name for tensor in message.output}
    batch_outputs = {name for one in message.batch_output for name in one.target_name}
    for tensor in message.output:
        if tensor.name not in known:
            yield _unknown(file, "output", tensor.name, [name for name in known if name not in given])
        else:
            exact = tensor.name not in batch_outputs
            yield from _tensor(file, "output", tensor, known[tensor.name], exact=exact)


def _unknown(file: OnnxFile, side: str, name: str, others: list[str]) -> Finding:
    text = (
        f"{file.config_path} has the {side} {name}, which {file.path} does not have; it has {_listed(others)}"
    )
    close = get_close_matches(name.lower(), [other.lower() for other in others], n=1)
    best = next((other for other in others if close and other.lower() == close[0]), None)
    if best is None and len(others) == 1:
        best = others[0]
    hint = f"name it {best}" if best else f"name the {side}s as the model does"
    return Finding.error("tensor-unknown", text, hint)


def _tensor(file: OnnxFile, side: str, tensor: Any, real: OnnxTensor, *, exact: bool) -> Iterator[Finding]:
    where = f"the {side} {tensor.name} in {file.config_path}"
    kind = file.config.signature if file.config else TensorSignature()
    specs = kind.inputs if side == "input" else kind.outputs
    spec = next(one for one in specs if one.name == tensor.name)
    if spec.datatype != real.datatype:
        text = f"{where} is {_type(spec.datatype)}; in {file.path} it is {_type(real.datatype)}"
        yield Finding.error("tensor-type", text, f"data_type: {_type(real.datatype)}")
    if real.dims is None or (side == "output" and not exact):
        return
    reshaped = tensor.HasField("reshape")
    dims = tuple(int(dim) for dim in (tensor.reshape.shape if reshaped else tensor.dims))
    if side == "input" and tensor.allow_ragged_batch:
        if real.dims != (-1,):
            text = f"{where} allows ragged batches; its shape in {file.path} is {list(real.dims)}, not [-1]"
            yield Finding.error("tensor-dims", text, "remove allow_ragged_batch")
        return
    if not real.dims:
        if any(dim != 1 for dim in dims):
            text = f"{where} has dims {list(dims)}; in {file.path} it is a single number"
            yield Finding.error("tensor-dims", text, "dims: [ 1 ]")
        return
    if file.max_batch_size and real.dims[0] != -1:
        yield _not_batched(file, real)
        return
    full = (-1, *dims) if file.max_batch_size else dims
    if _agree(real.dims, full, exact=exact):
        return
    if exact and _agree(real.dims, full, exact=False):
        # The file may leave open what ONNX Runtime finds out from the graph while it loads the model.
        text = f"{where} has the shape {list(full)}; {file.path} leaves it open: {list(real.dims)}"
        hint = "Triton refuses it unless ONNX Runtime finds these sizes itself: mme models try, or write -1"
        yield Finding.warning("tensor-dims-open", text, hint)
        return
    text = f"{where} has the shape {list(full)}; in {file.path} it is {list(real.dims)}"
    yield Finding.error("tensor-dims", text, _dims_hint(file, dims, real.dims, reshaped=reshaped))


def _agree(model: Sequence[int], config: Sequence[int], *, exact: bool) -> bool:
    return len(model) == len(config) and all(
        one == other or (not exact and one == -1) for one, other in zip(model, config, strict=True)
    )


def _dims_hint(file: OnnxFile, dims: Sequence[int], real: Sequence[int], *, reshaped: bool) -> str:
    wanted = list(real[1:]) if file.max_batch_size else list(real)
    if not wanted:
        return "dims: [ 1 ] reshape { shape: [ ] }"
    if not file.max_batch_size and list(real) == [-1, *dims]:
        return f"dims: {_text(wanted)}, or max_batch_size: 8 so that the first dim is the batch"
    if file.max_batch_size and list(real) == list(dims):
        return f"dims: {_text(wanted)}, without the batch, which max_batch_size adds"
    return f"{'reshape { shape: ' if reshaped else 'dims: '}{_text(wanted)}{' }' if reshaped else ''}"


def _not_batched(file: OnnxFile, tensor: OnnxTensor) -> Finding:
    text = (
        f"{file.config_path} has max_batch_size: {file.max_batch_size}; {tensor.name} in {file.path} has "
        f"the shape {list(tensor.dims or ())}, and its first dim must be -1"
    )
    hint = "write max_batch_size: 0 and dims with all of its dims, or export it with a dynamic first axis"
    return Finding.error("tensor-batch", text, hint)


def _tensors(model: OnnxModel) -> Iterator[OnnxTensor]:
    yield from model.inputs
    yield from model.outputs


def _type(datatype: str) -> str:
    return "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"


def _text(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]"


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "no other"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

"""A model directory for Triton from a .onnx file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from mme.archives.model_files.onnx_model import OnnxModel, OnnxTensor
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import Content, Draft, DraftOptions
from mme.registry.drafts.file_reading import read_source
from mme.registry.drafts.triton_config import DEFAULT_MAX_BATCH_SIZE, REQUEST_FILE, TritonModel

_NOT_A_BATCH: Final = re.compile(r"seq|len|time|token|step|height|width|point|box|frame", re.IGNORECASE)


def onnx_draft(path: Path, options: DraftOptions, converted_from: str = "") -> Draft:
    """Return the model directory of an ONNX model, with a complete configuration.

    Args:
        path: The file. Files that hold its weights are copied too.
        options: What the user says about it.
        converted_from: What it was converted from, for the configuration's comment.

    Raises:
        MmeError: It is not an ONNX model, lacks weights, or has inputs or outputs that Triton does not serve.
    """
    model = read_source(path)
    if not isinstance(model, OnnxModel):
        raise MmeError(f"{path} is not an ONNX model", hint="give the .onnx file that the exporter wrote")
    for tensor in (*model.inputs, *model.outputs):
        _check_kind(path, tensor)
    model, how = _with_inferred_outputs(path, model)
    batch, reason = _max_batch_size(path, model, options.max_batch_size)
    triton = TritonModel(
        backend=('platform: "onnxruntime_onnx"',),
        inputs=[_spec(path, tensor, batch) for tensor in model.inputs],
        outputs=[_spec(path, tensor, batch) for tensor in model.outputs],
        max_batch_size=batch,
        gpu=bool(options.gpu),
        comment=(
            f"Written from {converted_from or path.name}, operator set {model.opset}: it states everything "
            "that Triton",
            "would otherwise learn by reading the model, so it loads faster and with auto-complete off.",
        ),
    )
    files: dict[str, Content] = {
        "config.pbtxt": triton.config(),
        "1/model.onnx": path,
        REQUEST_FILE: triton.request(),
        ".mmeignore": f"{REQUEST_FILE}\n".encode(),
    }
    files |= _external(path, model)
    facts = (
        f"ONNX, operator set {model.opset}, IR version {model.ir_version}"
        + (f", by {model.producer}" if model.producer else ""),
        *triton.lines(),
        reason,
        *how,
    )
    return Draft(files, facts=facts, request=REQUEST_FILE)


def _check_kind(path: Path, tensor: OnnxTensor) -> None:
    if tensor.kind == "tensor" and tensor.datatype:
        return
    what = f"a {tensor.kind}" if tensor.kind != "tensor" else "of an element type that Triton does not have"
    raise MmeError(
        f"{tensor.name} in {path} is {what}; Triton serves tensors only",
        hint="convert the classifier again with zipmap off: "
        "skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}), or zipmap=False in onnxmltools"
        if tensor.kind in ("sequence", "map")
        else "export the model without it",
    )


def _with_inferred_outputs(path: Path, model: OnnxModel) -> tuple[OnnxModel, tuple[str, ...]]:
    """Return the model with the sizes of outputs that ONNX Runtime infers, which Triton compares exactly."""
    is_open = [one for one in model.outputs if one.dims is None or -1 in one.dims[1:]]
    if not is_open:
        return model, ()
    try:
        from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
    except ImportError:
        without = next((one for one in is_open if one.dims is None), None)
        if without:
            raise MmeError(
                f"{path} does not state the shape of its output {without.name}; ONNX Runtime would infer it",
                hint="pip install onnxruntime, or export the model with shapes",
            ) from None
        return model, (
            f"{is_open[0].name} has open sizes; ONNX Runtime may infer them when it loads the model",
        )
    options = SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        reason = str(error).splitlines()[0][:300]
        raise MmeError(
            f"ONNX Runtime can't load {path}: {reason}", hint="export the model again, and check it there"
        ) from error
    shapes = {
        one.name: tuple(dim if isinstance(dim, int) else -1 for dim in one.shape)
        for one in session.get_outputs()
    }
    outputs = tuple(replace(one, dims=shapes[one.name]) for one in model.outputs)
    if outputs == tuple(
        replace(one, symbols=new.symbols) for one, new in zip(model.outputs, outputs, strict=True)
    ):
        return model, ()
    return replace(model, outputs=outputs), ("sizes of outputs are those that ONNX Runtime infers",)


def _max_batch_size(path: Path, model: OnnxModel, given: int | None) -> tuple[int, str]:
    """Return max_batch_size, and why."""
    tensors = [*model.inputs, *model.outputs]
    fixed = next((one for one in tensors if not one.dims or one.dims[0] != -1), None)
    if given:
        if fixed:
            raise MmeError(
                f"{path} can't take batches: {fixed.name} has the shape {list(fixed.dims or ())}; its first "
                "dim is not dynamic",
                hint="leave out --max-batch-size, or export the model with a dynamic first axis",
            )
        return given, f"batches of up to {given}, as asked for"
    if given == 0:
        return 0, "no batching, as asked for: requests carry the whole shape"
    if fixed:
        return 0, f"no batching: the first dim of {fixed.name} is not dynamic; requests carry the whole shape"
    names = {one.symbols[0] for one in model.inputs if one.symbols and one.symbols[0]}
    if len(names) > 1:
        return 0, f"no batching: the first dims of the inputs differ ({', '.join(sorted(names))})"
    name = next(iter(names), "")
    if _NOT_A_BATCH.search(name):
        return 0, f"no batching: the first dim is called {name}; --max-batch-size N if it is the batch"
    called = f" ({name})" if name else ""
    reason = f"batches of up to {DEFAULT_MAX_BATCH_SIZE}: the first dim of every tensor is dynamic{called}"
    return DEFAULT_MAX_BATCH_SIZE, f"{reason}; --max-batch-size 0 if it is not the batch"


def _spec(path: Path, tensor: OnnxTensor, max_batch_size: int) -> TensorSpec:
    dims: Sequence[int] = (tensor.dims or ())[1 if max_batch_size else 0 :]
    if 0 in dims:
        raise MmeError(
            f"{tensor.name} in {path} has a dim of size 0; Triton has no such shapes",
            hint="export it with that dim above 0, or dynamic",
        )
    if tensor.dims is None:
        raise MmeError(
            f"{path} does not state the shape of {tensor.name}",
            hint="export it with shapes, or run onnx.shape_inference.infer_shapes on it",
        )
    return TensorSpec(tensor.name, tensor.datatype, tuple(dims))


def _external(path: Path, model: OnnxModel) -> dict[str, Content]:
    files: dict[str, Content] = {}
    folder = path.parent.resolve()
    for location, least in model.external.items():
        source = (folder / location).resolve()
        if not location or not source.is_relative_to(folder):
            raise MmeError(
                f"{path} has weights in {location!r}, outside its own directory",
                hint="save them next to it: onnx.save(model, path, save_as_external_data=True)",
            )
        size = source.stat().st_size if source.is_file() else None
        if size is None or size < least:
            state = "is missing" if size is None else f"has {size:,} of {least:,} bytes"
            raise MmeError(
                f"{source} {state}; it holds weights of {path.name}",
                hint="copy it next to the model, under this name",
            )
        files[f"1/{location}"] = source
    return files

"""A model directory from an MLflow model: its first flavour that a container serves.

Source of the format: MLflow's documentation, "MLflow Models", and the source of its flavours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mme.archives.model_directory import is_junk
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.booster_draft import lightgbm_draft, xgboost_draft
from mme.registry.drafts.draft import Content, Draft, DraftOptions
from mme.registry.drafts.estimator_draft import estimator_draft
from mme.registry.drafts.onnx_draft import onnx_draft
from mme.registry.drafts.torch_draft import torch_draft
from mme.registry.drafts.triton_config import DEFAULT_MAX_BATCH_SIZE, REQUEST_FILE, TritonModel

MLMODEL_FILE: Final = "MLmodel"

_MLMODEL_MAX_BYTES: Final = 4 * 1024 * 1024
_COLUMN_TYPES: Final = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
}
_TENSOR_TYPES: Final = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "str": "BYTES",
    "object": "BYTES",
}
_SIGNATURE_HINT: Final = "log it with a signature: mlflow.models.infer_signature(X, predictions)"

_PYFUNC: Final = '''\
"""An MLflow model: each input is a column or a tensor of its signature.

Triton's image has no mlflow: pack an environment with the packages of mlflow/requirements.txt, and name
that in EXECUTION_ENV_PATH.
"""

import json
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Predicts with the model in mlflow/."""

    def initialize(self, args):
        """Load the model, and the names of its tensors."""
        config = json.loads(args["model_config"])
        self.inputs = [one["name"] for one in config["input"]]
        self.outputs = {
            one["name"]: pb_utils.triton_string_to_numpy(one["data_type"]) for one in config["output"]
        }
        self.columns = config["parameters"]["columns"]["string_value"] == "true"
        folder = Path(args["model_repository"]) / args["model_version"] / "mlflow"
        self.model = mlflow.pyfunc.load_model(str(folder))

    def execute(self, requests):
        """Answer each request separately: one bad request must not fail the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            given = [pb_utils.get_input_tensor_by_name(request, name) for name in self.inputs]
            tensors = dict(zip(self.inputs, (one.as_numpy() for one in given), strict=True))
            found = self.model.predict(self._arguments(tensors))
            return pb_utils.InferenceResponse(self._tensors(found, len(next(iter(tensors.values())))))
        except Exception as error:  # any failure of the model is this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{type(error).__name__}: {error}"))

    def _arguments(self, tensors):
        if not self.columns:
            return tensors if len(tensors) > 1 or self.inputs[0] != "input" else tensors["input"]
        return pd.DataFrame({name: _column(tensor) for name, tensor in tensors.items()})

    def _tensors(self, found, rows):
        answers = []
        for name, datatype in self.outputs.items():
            values = found[name] if isinstance(found, (dict, pd.DataFrame)) else found
            array = np.asarray(values)
            if datatype == np.object_:
                array = np.array([str(one).encode() for one in array.ravel()], object)
            else:
                array = array.astype(datatype)
            if self.columns or array.ndim < 2:
                array = array.reshape(rows, -1)
            answers.append(pb_utils.Tensor(name, array))
        return answers


def _column(tensor):
    column = tensor.reshape(len(tensor))
    return [one.decode() for one in column] if column.dtype == np.object_ else column
'''


def mlflow_draft(path: Path, options: DraftOptions, scratch: Path) -> Draft:
    """Return the model directory of an MLflow model.

    Flavours are tried in this order: onnx, xgboost, lightgbm, sklearn, pytorch (TorchScript), pyfunc.

    Args:
        path: The directory that holds MLmodel.
        options: What the user says about it.
        scratch: A directory for a converted model.

    Raises:
        MmeError: MLmodel is damaged, or no flavour of it can be served.
    """
    model = _read(path)
    listed = model.get("flavors")
    flavours: Mapping[str, Any] = listed if isinstance(listed, dict) else {}
    for name, make in (("onnx", _onnx), ("xgboost", _xgboost), ("lightgbm", _lightgbm), ("pytorch", _torch)):
        if isinstance(flavours.get(name), dict) and (draft := make(path, flavours[name], model, options)):
            return _with_fact(draft, name)
    sklearn = flavours.get("sklearn")
    if isinstance(sklearn, dict):
        file = _inside(path, sklearn.get("pickled_model", "model.pkl"))
        return _with_fact(estimator_draft(file, options, scratch), "sklearn")
    if isinstance(flavours.get("python_function"), dict):
        return _with_fact(_pyfunc(path, model, options), "pyfunc")
    raise MmeError(
        f"no container serves a flavour of {path / MLMODEL_FILE}; it has: {', '.join(flavours) or 'none'}",
        hint="flavours are onnx, xgboost, lightgbm, sklearn, pytorch and python_function",
    )


def _with_fact(draft: Draft, flavour: str) -> Draft:
    return Draft(
        draft.files,
        draft.beside,
        (f"MLflow model, flavour {flavour}", *draft.facts),
        draft.request,
        draft.next_step,
    )


def _read(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    file = path / MLMODEL_FILE
    try:
        with file.open("rb") as stream:
            model = yaml.safe_load(stream.read(_MLMODEL_MAX_BYTES))
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MmeError(f"{file} can't be read: {reason}", hint="log the model again with MLflow") from error
    if not isinstance(model, dict):
        raise MmeError(f"{file} is not an MLflow model", hint="log the model again with MLflow")
    return model


def _inside(path: Path, name: object) -> Path:
    """Return a file of the model; what MLmodel names may be anything."""
    file = path / str(name)
    if not file.resolve().is_relative_to(path.resolve()):
        raise MmeError(f"{path / MLMODEL_FILE} names {name}, outside the model", hint="log the model again")
    if not file.exists():
        raise MmeError(f"{file} is missing, which {MLMODEL_FILE} names", hint="download all of the model")
    return file


def _onnx(path: Path, flavour: dict[str, Any], _: dict[str, Any], options: DraftOptions) -> Draft:
    return onnx_draft(_inside(path, flavour.get("data", "model.onnx")), options)


def _xgboost(path: Path, flavour: dict[str, Any], _: dict[str, Any], options: DraftOptions) -> Draft:
    file = _inside(path, flavour.get("data", "model.xgb"))
    kind = f".{flavour.get('model_format') or file.suffix[1:]}"
    if kind not in (".json", ".ubj"):
        raise MmeError(
            f"{file} is in XGBoost's old binary form, which does not state its features",
            hint="log it again with model_format='ubj'",
        )
    return xgboost_draft(file, options, kind)


def _lightgbm(path: Path, flavour: dict[str, Any], _: dict[str, Any], options: DraftOptions) -> Draft | None:
    file = _inside(path, flavour.get("data", "model.lgb"))
    with file.open("rb") as stream:
        is_text = stream.read(5) == b"tree\n"
    # Models of the scikit-learn interface are pickles, which pyfunc serves.
    return lightgbm_draft(file, options, ".txt") if is_text else None


def _torch(path: Path, flavour: dict[str, Any], model: dict[str, Any], options: DraftOptions) -> Draft | None:
    folder = _inside(path, flavour.get("model_data", "data"))
    file = folder / "model.pth" if folder.is_dir() else folder
    if folder.is_dir() and not file.exists():
        return None  # torch.export's model.pt2, MLflow's default since 3.17: pyfunc serves it
    inputs, outputs = _signature(model)
    tensors = options.inputs or tuple(_without_batch(one) for one in inputs)
    answers = options.outputs or tuple(_without_batch(one) for one in outputs)
    described = DraftOptions(options.gpu, options.max_batch_size, tensors, answers)
    try:
        return torch_draft(file, described)
    except MmeError as error:
        if "not TorchScript" in error.message:
            return None  # a pickled module: pyfunc serves it
        raise


def _without_batch(tensor: TensorSpec) -> TensorSpec:
    return TensorSpec(tensor.name, tensor.datatype, tensor.dims[1:])


def _signature(model: dict[str, Any]) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs of the signature with the batch dimension; none if it has none."""
    signature = model.get("signature")
    if not isinstance(signature, dict):
        return (), ()
    return _side(signature.get("inputs"), "input"), _side(signature.get("outputs"), "prediction")


def _side(text: object, default: str) -> tuple[TensorSpec, ...]:
    try:
        entries = json.loads(str(text)) if text else []
        return tuple(_tensor(entry, number, default, len(entries)) for number, entry in enumerate(entries))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MmeError(f"the signature's {default} can't be read: {error}", hint=_SIGNATURE_HINT) from error


def _tensor(entry: dict[str, Any], number: int, default: str, count: int) -> TensorSpec:
    name = str(entry.get("name") or (default if count == 1 else f"{default}_{number}"))
    if entry["type"] == "tensor":
        spec = entry["tensor-spec"]
        return TensorSpec(name, _TENSOR_TYPES[str(spec["dtype"])], tuple(int(dim) for dim in spec["shape"]))
    return TensorSpec(name, _COLUMN_TYPES[str(entry["type"])], (-1, 1))


def _pyfunc(path: Path, model: dict[str, Any], options: DraftOptions) -> Draft:
    inputs, outputs = _signature(model)
    given = tuple(TensorSpec(one.name, one.datatype, (-1, *one.dims)) for one in options.inputs)
    answers = tuple(TensorSpec(one.name, one.datatype, (-1, *one.dims)) for one in options.outputs)
    inputs, outputs = given or inputs, answers or outputs
    if not inputs or not outputs:
        side = "inputs" if not inputs else "outputs"
        raise MmeError(
            f"{path / MLMODEL_FILE} has no signature with {side}",
            hint=f"{_SIGNATURE_HINT}; or add --{side[:-1]}",
        )
    columns = all(one.dims == (-1, 1) for one in given) if given else _has_columns(model)
    batches = all(one.dims[:1] == (-1,) for one in (*inputs, *outputs))
    size = (
        (DEFAULT_MAX_BATCH_SIZE if batches else 0)
        if options.max_batch_size is None
        else options.max_batch_size
    )
    triton = TritonModel(
        backend=('backend: "python"',),
        inputs=[_without_batch(one) if size else one for one in inputs],
        outputs=[_with_dims(one, batched=bool(size)) for one in outputs],
        max_batch_size=size,
        gpu=bool(options.gpu),
        comment=("Written from an MLflow model and its signature.",),
        more=(f'parameters {{ key: "columns" value {{ string_value: "{str(columns).lower()}" }} }}',),
    )
    files: dict[str, Content] = {"config.pbtxt": triton.config(), "1/model.py": _PYFUNC.encode()}
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path)
        if file.is_file() and not any(is_junk(part) for part in inner.parts):
            files[f"1/mlflow/{inner.as_posix()}"] = file
    files[REQUEST_FILE] = triton.request()
    files[".mmeignore"] = f"{REQUEST_FILE}\n".encode()
    facts = (
        *triton.lines(),
        "served by Triton's python backend, whose image has no mlflow: pack an environment with conda-pack, "
        "and name it in EXECUTION_ENV_PATH",
        f"the environment needs: {', '.join(_requirements(path)) or 'mlflow and what the model imports'}",
    )
    return Draft(files, facts=facts, request=REQUEST_FILE)


def _has_columns(model: dict[str, Any]) -> bool:
    """Return whether the signature, which was read before, is of a table's columns."""
    return any(entry.get("type") != "tensor" for entry in json.loads(model["signature"]["inputs"]))


def _with_dims(tensor: TensorSpec, *, batched: bool) -> TensorSpec:
    """Return an output as the model's code answers it: a row of numbers has one dim."""
    dims = tensor.dims[1:] if batched else tensor.dims
    return TensorSpec(tensor.name, tensor.datatype, dims or (1,))


def _requirements(path: Path) -> list[str]:
    file = path / "requirements.txt"
    if not file.is_file():
        return []
    lines = file.read_text("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))]

"""Model directories from estimators that scikit-learn users save: pickles, joblib's and skops's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mme.archives.one_file import foreign_estimator
from mme.errors import MmeError
from mme.registry.drafts.draft import Draft, DraftOptions
from mme.registry.drafts.file_reading import SUPPORTED, read_start
from mme.registry.drafts.onnx_draft import onnx_draft

ENDINGS: Final = (".joblib", ".pkl", ".pickle", ".skops")

_OPSET: Final = 15
"""Every Triton image of the catalog loads it, and skl2onnx converts everything to it."""


def estimator_draft(path: Path, options: DraftOptions, scratch: Path) -> Draft:
    """Return the model directory of an estimator: for AWS's scikit-learn image, or converted to ONNX.

    Args:
        path: The file. It is unpickled, which runs code in it, only to convert it.
        options: What the user says about it.
        scratch: A directory for the converted model.

    Raises:
        MmeError: It is something else, or can't be converted.
    """
    _check_kind(path)
    if options.convert_to:
        converted = scratch / "model.onnx"
        converted.write_bytes(_converted(path, options))
        return onnx_draft(converted, options, converted_from=path.name)
    options.refuse(path, "AWS's scikit-learn image serves it, which takes rows, on its instance's CPU")
    name = f"model{path.suffix}"
    facts = (*estimator_facts(name), "or serve it with Triton, without a program: --to onnx")
    return Draft({name: path}, facts=facts)


def estimator_facts(file_name: str) -> tuple[str, ...]:
    """Return what serves an estimator, a line each.

    Args:
        file_name: Of the estimator, in its archive.
    """
    loader = "skops.io.load" if file_name.endswith(".skops") else "joblib.load"
    return (
        "served by AWS's scikit-learn image, one file at the root",
        "its endpoint needs a program, the same for all models: SAGEMAKER_PROGRAM and "
        "SAGEMAKER_SUBMIT_DIRECTORY of the container name it",
        f"its model_fn(model_dir) returns {loader}(model_dir + '/{file_name}')",
    )


def _check_kind(path: Path) -> None:
    start = read_start(path)
    if not start:
        raise MmeError(
            f"{path} is an empty file", hint="save the estimator again: joblib.dump(model, 'model.joblib')"
        )
    if foreign := foreign_estimator(str(path), start):
        raise MmeError(foreign.message, hint=f"--from takes {SUPPORTED}")


def _converted(path: Path, options: DraftOptions) -> bytes:
    try:
        import skl2onnx
        from skl2onnx.common.data_types import (
            DoubleTensorType,
            FloatTensorType,
            Int64TensorType,
            StringTensorType,
        )
        from sklearn.base import is_classifier
    except ImportError as error:
        raise MmeError(
            f"converting {path} to ONNX needs {error.name}, which is not installed",
            hint="pip install scikit-learn skl2onnx",
        ) from None
    estimator = _loaded(path)
    types = {
        "FP32": FloatTensorType,
        "FP64": DoubleTensorType,
        "INT64": Int64TensorType,
        "BYTES": StringTensorType,
    }
    unknown = next((spec for spec in options.inputs if spec.datatype not in types), None)
    if unknown:
        raise MmeError(
            f"--input {unknown.name} has the type {unknown.datatype}",
            hint=f"skl2onnx takes {', '.join(types)}",
        )
    features = getattr(estimator, "n_features_in_", None)
    if not options.inputs and features is None:
        raise MmeError(
            f"{path} does not state how many features it has", hint="add --input X:FP32:N, with N features"
        )
    initial = [(spec.name, types[spec.datatype]([None, *spec.dims])) for spec in options.inputs]
    try:
        model: Any = skl2onnx.to_onnx(
            estimator,
            initial_types=initial or [("X", FloatTensorType([None, features]))],
            options={id(estimator): {"zipmap": False}} if is_classifier(estimator) else None,
            target_opset=_OPSET,
        )
    except Exception as error:  # skl2onnx's and scikit-learn's errors have no base class of their own
        reason = " ".join(str(error).split())[:300]
        raise MmeError(
            f"skl2onnx can't convert {path}: {reason}",
            hint="state its inputs: --input NAME:TYPE:DIMS, one for each type of column; or leave out --to",
        ) from error
    content: bytes = model.SerializeToString()
    return content


def _loaded(path: Path) -> Any:
    try:
        if path.suffix == ".skops":
            import skops.io

            return skops.io.load(path, trusted=[])
        import joblib

        return joblib.load(path)
    except ImportError as error:
        raise MmeError(
            f"loading {path} needs {error.name}, which is not installed", hint=f"pip install {error.name}"
        ) from error
    except Exception as error:  # unpickling raises whatever the classes in it raise
        reason = " ".join(str(error).split())[:300]
        raise MmeError(
            f"{path} can't be loaded: {type(error).__name__}: {reason}",
            hint="convert it where it was trained, with the same versions of its packages",
        ) from error

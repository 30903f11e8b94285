"""XGBoost's algorithm mode: the image without a program of the user.

It takes the first file at the archive's root that the folder lists, a pickled or saved booster, and answers
with one prediction for each row.
"""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from sagemaker_inference import content_types
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from mme_local.containers.mms.handlers import answers
from mme_local.containers.mms.handlers.xgboost_data import Format, read_matrix

_Payload = tuple[xgboost.DMatrix, Format]


class XGBoostAlgorithmHandler(DefaultHandlerService, DefaultInferenceHandler):
    """The handler and its functions."""

    def __init__(self) -> None:
        super().__init__(answers.AnsweringTransformer(self))

    def default_model_fn(self, model_dir: str) -> xgboost.Booster:
        """Load the booster."""
        try:
            return _load(Path(model_dir))
        except MemoryError:
            raise
        except Exception as error:
            raise answers.not_loaded(error) from error

    def default_input_fn(self, input_data: str | bytes, content_type: str | None) -> _Payload:
        """Read CSV, libsvm or protobuf records.

        Args:
            input_data: The payload.
            content_type: Of the request.
        """
        return read_matrix(input_data, content_type), Format.of(content_type)

    def default_predict_fn(self, data: _Payload, model: xgboost.Booster) -> Any:
        """Predict each row.

        Args:
            data: From `default_input_fn`.
            model: From `default_model_fn`.
        """
        try:
            return _predict(model, *data)
        except MemoryError:
            raise
        except Exception as error:
            raise answers.bad_request(error) from error

    def default_output_fn(self, prediction: Any, accept: str) -> tuple[str, str]:
        """Write one line of CSV, or JSON.

        Args:
            prediction: One item for each row.
            accept: Content type that the caller accepts.
        """
        if accept.lower() in (content_types.CSV, "csv"):
            return ",".join(str(one) for one in prediction.tolist()), content_types.CSV
        if accept.lower() in (content_types.JSON, "json"):
            return json.dumps(prediction.tolist()), content_types.JSON
        raise answers.unsupported(
            f"{accept} is not an accepted Accept type. Please choose one of the following: "
            f"['{content_types.CSV}', '{content_types.JSON}']."
        )


def _load(folder: Path) -> xgboost.Booster:
    files = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            logging.warning("%s is a hidden file; it is not the model", path.name)
        elif path.is_file():
            files.append(path)
    if not files:
        raise FileNotFoundError("no model file is at the archive's root")
    path = files[0]
    if len(files) > 1:
        logging.warning("%d files are at the archive's root; %s is taken", len(files), path.name)
    try:
        with path.open("rb") as file:
            booster: xgboost.Booster = pickle.load(file)  # noqa: S301 - the container's contract
    except MemoryError:
        raise
    except Exception as unpickling:
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(path.read_bytes()))
        except Exception as error:
            reason = str(error).partition("\nStack trace:")[0]
            raise ValueError(f"Model {path.name} cannot be loaded: {unpickling}; {reason}") from None
    booster.set_param({"nthread": 1})
    return booster


def _predict(booster: xgboost.Booster, data: xgboost.DMatrix, format_: Format) -> np.ndarray[Any, Any]:
    wanted, given = booster.num_features(), data.num_col()
    # Columns of zeros may be absent from the end of libsvm data; CSV may lack the label that training had.
    too_many = given > wanted + 1 if format_ is Format.LIBSVM else wanted not in (given, given + 1)
    if wanted and too_many:
        raise ValueError(
            f"Feature size of {format_.value[0]} inference data {given} is not consistent with feature size "
            f"of trained model {wanted}."
        )
    best = getattr(booster, "best_iteration", None)
    rounds = (0, 0) if best is None else (0, int(best) + 1)
    prediction: np.ndarray[Any, Any] = booster.predict(data, iteration_range=rounds, validate_features=False)
    return prediction

"""XGBoost's script mode: the program has ``model_fn``, and may have the other functions."""

from __future__ import annotations

from typing import Any

import xgboost
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from mme_local.containers.mms.handlers import answers
from mme_local.containers.mms.handlers.xgboost_data import read_matrix


class XGBoostScriptHandler(DefaultHandlerService, DefaultInferenceHandler):
    """The handler, with what the program leaves out."""

    def __init__(self) -> None:
        super().__init__(answers.AnsweringTransformer(self))

    def default_input_fn(self, input_data: str | bytes, content_type: str | None) -> xgboost.DMatrix:
        """Read CSV, libsvm or protobuf records.

        Args:
            input_data: The payload.
            content_type: Of the request.
        """
        return read_matrix(input_data, content_type)

    def default_predict_fn(self, data: xgboost.DMatrix, model: Any) -> Any:
        """Call the booster.

        Args:
            data: From `default_input_fn`.
            model: What the program loaded.
        """
        return model.predict(data, validate_features=False)

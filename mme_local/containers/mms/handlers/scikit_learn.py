"""The scikit-learn image: the program has ``model_fn``, and may have the other functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sagemaker_inference import content_types, decoder
from sagemaker_inference.default_handler_service import DefaultHandlerService
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer


class ScikitLearnHandler(DefaultHandlerService, DefaultInferenceHandler):
    """The handler, with what the program leaves out."""

    def __init__(self) -> None:
        super().__init__(Transformer(self))

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Read CSV, JSON (as 32 bit floats), npy or npz.

        Args:
            input_data: The payload.
            content_type: Of the request.
        """
        array = decoder.decode(input_data, content_type)
        return array.astype(np.float32) if content_type in content_types.UTF8_TYPES else array

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        """Call the estimator.

        Args:
            data: From `default_input_fn`.
            model: What the program loaded.
        """
        return model.predict(data)

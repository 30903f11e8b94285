"""A model that computes, with its input and output."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

CONFIG = """
backend: "python"
max_batch_size: 0
input [{ name: "X" data_type: TYPE_FP32 dims: [1] }]
output [{ name: "Y" data_type: TYPE_FP32 dims: [1] }]
"""


def a_model(expression: str = "x * 2", at_load: str = "pass", padding: int = 3000) -> dict[str, str | bytes]:
    """A python model that answers ``expression`` of its one number; it unpacks to about ``padding`` bytes."""
    code = f"""
import os, time
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        {at_load}

    def execute(self, requests):
        answers = []
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
            y = np.asarray({expression}, np.float32)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("Y", y)]))
        return answers
"""
    return {"config.pbtxt": CONFIG, "1/model.py": code, "1/weights": b"0" * padding}


def body(number: float) -> bytes:
    return json.dumps(
        {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1], "data": [number]}]}
    ).encode()


def number(answer: bytes) -> float:
    return float(json.loads(answer)["outputs"][0]["data"][0])


def error_of(caught: pytest.ExceptionInfo[ClientError]) -> dict[str, Any]:
    return dict(caught.value.response)

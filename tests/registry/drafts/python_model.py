"""Run a written model.py with a double of Triton's module."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict

from mme.archives.triton.config import TritonConfig, parse_config
from mme.registry.drafts.draft import NewModel


def run_python_model(
    made: NewModel, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, np.ndarray[Any, Any]]:
    """Load a model's 1/model.py and answer one request: output name to array."""
    parsed = parse_config((made.directory / "config.pbtxt").read_bytes())
    assert isinstance(parsed, TritonConfig)
    double: Any = ModuleType("triton_python_backend_utils")
    double.Tensor = lambda name, array: SimpleNamespace(name=name, array=array)
    double.TritonError = str
    double.InferenceResponse = lambda tensors=(), error=None: SimpleNamespace(tensors=tensors, error=error)
    double.get_input_tensor_by_name = lambda request, name: SimpleNamespace(as_numpy=lambda: request[name])
    double.triton_string_to_numpy = lambda name: (
        np.object_ if name == "TYPE_STRING" else np.dtype(name[5:].lower().replace("fp", "float"))
    )
    monkeypatch.setitem(sys.modules, double.__name__, double)
    scope: dict[str, Any] = {}
    code = compile((made.directory / "1" / "model.py").read_text(), "model.py", "exec")
    exec(code, scope)  # noqa: S102 - the code that was just written
    model = scope["TritonPythonModel"]()
    config = json.dumps(MessageToDict(parsed.message, preserving_proto_field_name=True))
    model.initialize({"model_repository": str(made.directory), "model_version": "1", "model_config": config})
    (response,) = model.execute([inputs])
    assert response.error is None
    return {tensor.name: tensor.array for tensor in response.tensors}

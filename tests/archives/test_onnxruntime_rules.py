"""The ONNX Runtime backend's verdicts, in its own messages."""

from __future__ import annotations

from typing import Any

import pytest

from mme.archives.triton.onnxruntime_rules import (
    ModelTensor,
    ModelTensors,
    completed,
    needs_completion,
    refusals,
)

FLOAT, LONG = "tensor(float)", "tensor(int64)"
ADD = ModelTensors([ModelTensor.of_type("X", FLOAT, (-1, 4))], [ModelTensor.of_type("Y", FLOAT, (-1, 4))])
FIXED = ModelTensors([ModelTensor.of_type("X", FLOAT, (1, 4))], [ModelTensor.of_type("Y", FLOAT, (1, 4))])
SCALAR = ModelTensors([ModelTensor.of_type("X", FLOAT, ())], [ModelTensor.of_type("Y", FLOAT, ())])
LABEL = ModelTensors(
    [ModelTensor.of_type("X", FLOAT, (-1, 4))],
    [ModelTensor.of_type("label", LONG, (-1,)), ModelTensor.of_type("p", FLOAT, (-1, 3))],
)
ZIPMAP = ModelTensors(
    [ModelTensor.of_type("X", FLOAT, (-1, 4))],
    [
        ModelTensor.of_type("label", LONG, (-1,)),
        ModelTensor.of_type("p", "seq(map(int64,tensor(float)))", ()),
    ],
)
SCALED = ModelTensors(ADD.inputs, ADD.outputs, [ModelTensor.of_type("K", FLOAT, (1,))])


def tensor(name: str, data_type: str = "FP32", dims: tuple[int, ...] = (4,), **more: Any) -> dict[str, Any]:
    return {"name": name, "data_type": f"TYPE_{data_type}", "dims": list(dims)} | more


def config(
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
    batch: int = 8,
    **more: Any,
) -> dict[str, Any]:
    return {
        "name": "m",
        "max_batch_size": batch,
        "input": [tensor("X")] if inputs is None else inputs,
        "output": [tensor("Y")] if outputs is None else outputs,
    } | more


def first(given: dict[str, Any], signature: ModelTensors) -> str | None:
    return next((one.message for one in refusals(given, signature)), None)


SERVED: dict[str, tuple[dict[str, Any], ModelTensors]] = {
    "as the model": (config(), ADD),
    "without a batch dimension": (config([tensor("X", dims=(-1, 4))], [tensor("Y", dims=(-1, 4))], 0), ADD),
    "a fixed dim of an input that is free in the model": (
        config([tensor("X", dims=(2, 4))], [tensor("Y", dims=(-1, 4))], 0),
        ADD,
    ),
    "fewer outputs": (config([tensor("X")], [tensor("p", dims=(3,))]), LABEL),
    "label reshaped": (
        config(None, [tensor("label", "INT64", (1,), reshape={"shape": []}), tensor("p", dims=(3,))]),
        LABEL,
    ),
    "empty reshape of proto's JSON": (
        config(None, [tensor("label", "INT64", (1,), reshape={}), tensor("p", dims=(3,))]),
        LABEL,
    ),
    "scalars": (config([tensor("X", dims=(1,))], [tensor("Y", dims=(1, 1))], 0), SCALAR),
    "an optional initializer": (
        config(
            [tensor("X", dims=(-1, 4)), tensor("K", dims=(1,), optional=True)], [tensor("Y", dims=(-1, 4))], 0
        ),
        SCALED,
    ),
    "dims as strings": (config([tensor("X") | {"dims": ["4"]}]), ADD),
}

REFUSED: dict[str, tuple[dict[str, Any], ModelTensors, str]] = {
    "input name": (config([tensor("x")]), ADD, "unexpected inference input 'x', allowed inputs are: X"),
    "output name": (
        config(None, [tensor("y")]),
        LABEL,
        "unexpected inference output 'y', allowed outputs are: label, p",
    ),
    "input type": (
        config([tensor("X", "INT32")]),
        ADD,
        "unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'X', model provides "
        "TYPE_FP32",
    ),
    "output type": (
        config(None, [tensor("Y", "INT32")]),
        ADD,
        "unable to load model 'm', configuration expects datatype TYPE_INT32 for output 'Y', model provides "
        "TYPE_FP32",
    ),
    "number of inputs": (
        config([tensor("X"), tensor("Z")]),
        ADD,
        "unable to load model 'm', configuration expects 2 inputs, model provides 1",
    ),
    "an initializer that is not optional": (
        config([tensor("X"), tensor("K", dims=(1,))]),
        SCALED,
        "unable to load model 'm', configuration expects 2 inputs, model provides 1",
    ),
    "an optional input with batches": (
        config([tensor("X"), tensor("K", dims=(1,), optional=True)]),
        SCALED,
        "unable to load model 'm', optional input 'K' is not supported for models that support batching",
    ),
    "input dim": (
        config([tensor("X", dims=(5,))]),
        ADD,
        "model 'm', tensor 'X': the model expects 2 dimensions (shape [-1,4]) but the model configuration "
        "specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the "
        "explicit tensor shape, making complete shape [-1,5])",
    ),
    "-1 over a fixed dim": (
        config([tensor("X", dims=(-1, -1))], [tensor("Y", dims=(-1, 4))], 0),
        ADD,
        "model 'm', tensor 'X': the model expects 2 dimensions (shape [-1,4]) but the model configuration "
        "specifies 2 dimensions (shape [-1,-1])",
    ),
    "a fixed dim of an output that is free in the model": (
        config([tensor("X", dims=(2, 4))], [tensor("Y", dims=(2, 4))], 0),
        ADD,
        "model 'm', tensor 'Y': the model expects 2 dimensions (shape [-1,4]) but the model configuration "
        "specifies 2 dimensions (shape [2,4])",
    ),
    "batches over a fixed first dim": (
        config(),
        FIXED,
        "model 'm', tensor 'X': for the model to support batching the shape should have at least 1 dimension "
        "and the first dimension must be -1; but shape expected by the model is [1,4]",
    ),
    "label as dims 1": (
        config(None, [tensor("label", "INT64", (1,))]),
        LABEL,
        "model 'm', tensor 'label': the model expects 1 dimensions (shape [-1]) but the model configuration "
        "specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the "
        "explicit tensor shape, making complete shape [-1,1])",
    ),
    "zipmap, even if it is not asked for": (
        config(None, [tensor("label", "INT64", (1,), reshape={"shape": []})]),
        ZIPMAP,
        "Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I/O 'p', expected 'ONNX_TYPE_TENSOR'.",
    ),
    "scalar of two": (
        config([tensor("X", dims=(2,))], [tensor("Y", dims=(1,))], 0),
        SCALAR,
        "unable to load model 'm', scalar tensor 'X', should only provide 1 in the model configuration when "
        "the model doesn't support batching. Model configuration provided: [2].",
    ),
    "ragged": (
        config([tensor("X", allow_ragged_batch=True)]),
        ADD,
        "unable to load model 'm', configuration expects model provides input with shape [-1]  for ragged "
        "input 'X', model provides [-1,4]",
    ),
    "a control that the model lacks": (
        config(
            sequence_batching={
                "control_input": [
                    {
                        "name": "START",
                        "control": [{"kind": "CONTROL_SEQUENCE_START", "fp32_false_true": [0, 1]}],
                    }
                ]
            }
        ),
        ADD,
        "configuration specified sequence control 'START', but model does not provide that input",
    ),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_the_backend_loads(name: str) -> None:
    assert first(*SERVED[name]) is None


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_backend_refuses(name: str) -> None:
    given, signature, message = REFUSED[name]
    assert first(given, signature) == message


@pytest.mark.parametrize("missing", [("input",), ("output",), ("input", "output")])
def test_what_is_missing_is_completed(missing: tuple[str, ...]) -> None:
    given = config()
    for key in missing:
        del given[key]
    found = completed(given, ADD)
    assert (found["max_batch_size"], found["dynamic_batching"]) == (8, {})
    assert found["input"] == [tensor("X")]
    assert found["output"] == [tensor("Y")]
    assert first(found, ADD) is None


def test_a_complete_configuration_is_not_touched() -> None:
    assert not needs_completion(config(batch=0))
    assert completed(config(batch=0), FIXED) == config(batch=0)


def test_batches_of_four_if_every_first_dimension_is_free() -> None:
    assert completed({"name": "m"}, ADD)["max_batch_size"] == 4
    assert completed({"name": "m", "sequence_batching": {}}, ADD).get("dynamic_batching") is None
    assert completed({"name": "m"}, FIXED).get("max_batch_size", 0) == 0


def test_a_label_is_completed_with_an_empty_reshape_and_a_scalar_without() -> None:
    label = completed({"name": "m"}, LABEL)["output"][0]
    assert label == tensor("label", "INT64", (1,), reshape={"shape": []})
    assert completed({"name": "m"}, SCALAR)["output"] == [tensor("Y", dims=(1,))]


@pytest.mark.parametrize(
    ("given", "signature", "message"),
    [
        (config([]), FIXED, "autofill failed for model 'm': model does not support batching"),
        (config([]), ZIPMAP, "Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE'"),
    ],
)
def test_what_is_not_completed(given: dict[str, Any], signature: ModelTensors, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        completed(given, signature)

"""The PyTorch backend's order of tensors and its verdicts, in its own messages."""

from __future__ import annotations

from typing import Any

import pytest

from mme_local.containers.triton.backend_rules.torchscript_rules import fault, order


def named(*names: str, data_type: str = "TYPE_FP32", dims: tuple[int, ...] = (2,)) -> list[dict[str, Any]]:
    return [{"name": name, "data_type": data_type, "dims": list(dims)} for name in names]


@pytest.mark.parametrize(
    ("names", "arguments", "expected"),
    [
        (("INPUT__1", "INPUT__0"), (), [1, 0]),
        (("b", "a"), ("a", "b"), [1, 0]),
        (("x__1", "y__0"), ("a", "b"), [1, 0]),
        (("second", "first"), ("a", "b"), [0, 1]),
        (("INPUT__1", "first"), (), [0, 1]),
        (("INPUT__one", "INPUT__0"), (), [0, 1]),
        (("INPUT_1", "INPUT_0"), (), [0, 1]),
    ],
)
def test_the_order_of_tensors(
    names: tuple[str, ...], arguments: tuple[str, ...], expected: list[int]
) -> None:
    assert order(named(*names), arguments) == expected


@pytest.mark.parametrize(
    ("inputs", "outputs", "arguments", "message"),
    [
        (named("a"), named("b"), [("x", "Tensor")], None),
        (named("a", "c"), named("b"), [("x", "Dict[str, Tensor]")], None),
        (named("a"), named("b"), [], None),
        (named("a"), named("b"), [("x", "Tensor")] * 2, "configuration expects 1 inputs, model provides 2"),
        (named("a"), named("b"), [("x", "int")], "An input of type 'int' was detected in the model"),
        (
            named("a", "c"),
            named("b"),
            [("x", "Tensor"), ("y", "Dict[str, Tensor]")],
            "Multiple inputs of kind DictType",
        ),
        ([], named("b"), [], "must contain at least one input"),
        (named("a"), [], [("x", "Tensor")], "must contain at least one output"),
        (
            named("a", data_type="TYPE_UINT16"),
            named("b"),
            [("x", "Tensor")],
            "unsupported datatype TYPE_UINT16",
        ),
        (
            named("a", data_type="TYPE_STRING"),
            named("b"),
            [("x", "List[str]")],
            "Triton only supports 1 dimensional List of String as input",
        ),
    ],
)
def test_verdicts(
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    arguments: list[tuple[str, str]],
    message: str | None,
) -> None:
    found = fault({"name": "m", "max_batch_size": 1, "input": inputs, "output": outputs}, arguments)
    assert (found is None) if message is None else (found is not None and message in found)

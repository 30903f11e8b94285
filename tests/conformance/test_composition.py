"""Models of several parts, and the kind that answers more than once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import models
from tests.conformance.case import FORMAT, LAYOUT, case
from tests.conformance.target import Target


@pytest.fixture(scope="module")
def ensemble(asked: Any) -> str:
    model: str = asked.target.publish("ensemble", models.ensemble("double", "last", models.PLUS_ONE))
    return model


@case("an ensemble in one archive is found among its steps and run", triton_only=LAYOUT)
def test_ensemble(target: Target, ensemble: str) -> None:
    assert target.call(ensemble, 5).tensor("Y") == [11]


@case("two archives whose steps have the same names keep apart", triton_only=LAYOUT)
def test_same_step_names(target: Target, ensemble: str) -> None:
    other = target.publish("ensemble", models.ensemble("double", "last", models.times_only(10)))
    assert target.call(ensemble, 5).tensor("Y") == [11]
    assert target.call(other, 5).tensor("Y") == [100]
    assert target.call(ensemble, 6).tensor("Y") == [13]


@case("a step calls another model of its archive (business logic scripting)", triton_only=LAYOUT)
def test_business_logic_scripting(target: Target) -> None:
    # The name is of this run alone: such a call looks among all that the instance has loaded.
    double = f"double_{target.folder[-8:]}"
    model = target.publish("scripting", models.ensemble(double, "script", models.calling(double)))
    assert target.call(model, 5).tensor("Y") == [120]


@case(
    "a call to another model of the archive fails once two loaded archives have one of that name",
    triton_only=LAYOUT,
)
def test_business_logic_scripting_of_one_name(target: Target) -> None:
    shared = f"shared_{target.folder[-8:]}"
    first = target.publish("first", models.ensemble(shared, "script", models.calling(shared)))
    assert target.call(first, 5).tensor("Y") == [120]
    second = target.publish("second", models.ensemble(shared, "other", models.PLUS_ONE))
    assert target.call(second, 5).tensor("Y") == [11]
    with pytest.raises(target.exceptions.ModelError, match=f"{shared}.{{0,3}} is not ready"):
        target.call(first, 5)


@case("a decoupled model is refused: SageMaker takes one answer to a request", triton_only=FORMAT)
def test_decoupled(target: Target) -> None:
    model = target.publish("decoupled", models.DECOUPLED)
    with pytest.raises(target.exceptions.ModelError, match="decoupled") as caught:
        target.call(model)
    assert caught.value.response["OriginalStatusCode"] == 400

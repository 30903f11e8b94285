"""Values of the wrong type: the error names the prop, the value, the type and a hint."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item, typeddict-unknown-key, call-arg"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token, aws_iam
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk import (
    EndpointConfig,
    ModelStore,
    MultiModel,
    MultiModelEndpoint,
    Processor,
    PropsError,
    ServingImage,
)
from mme_cdk._internal.type_checks import checked, type_faults

ROLE = "arn:aws:iam::111122223333:role/endpoint"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:b"


def make(stack: Stack, models: ModelStore, id: str = "Serving", **props: Any) -> MultiModelEndpoint:
    settings: dict[str, Any] = {
        "image": ServingImage.triton("26.05", processor=Processor.CPU),
        "models": models,
        "instance_type": "ml.m5.large",
        **props,
    }
    return MultiModelEndpoint(stack, id, **settings)


def test_all_faults_are_raised_at_once_and_leave_the_id_free(stack: Stack, models: ModelStore) -> None:
    model = MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models)
    props: dict[str, Any] = {"instance_type": None, "volume_size": 10, "initial_instance_count": "2"}
    with pytest.raises(PropsError, match=r"^Test/Config: ") as raised:
        EndpointConfig(stack, "Config", model=model, **props)
    assert len(raised.value.faults) == 3
    EndpointConfig(stack, "Config", model=model, instance_type="ml.g5.xlarge")


def test_tokens_pass(stack: Stack, models: ModelStore) -> None:
    make(
        stack,
        models,
        instance_type=Token.as_string({"Ref": "Type"}),
        initial_instance_count=Token.as_number({"Ref": "Count"}),
        endpoint_name=Token.as_string({"Ref": "Name"}),
        environment={"A": Token.as_string({"Ref": "A"})},
        role=aws_iam.Role.from_role_arn(stack, "Role", ROLE),
    )


def test_unknown_and_missing_props_are_type_errors_as_usual(stack: Stack, models: ModelStore) -> None:
    with pytest.raises(
        TypeError, match=r"MultiModel\.__init__\(\) got an unexpected keyword argument 'tritn'"
    ):
        MultiModel(stack, "Model", image=ServingImage.triton("26.05"), models=models, tritn=None)
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'models'"):
        MultiModel(stack, "Model", image=ServingImage.triton("26.05"))


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.binary()
)


@given(plain)
def test_a_fault_names_the_prop_and_the_value(value: object) -> None:
    accepted = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "list[int]": isinstance(value, list),
        "str | None": value is None or isinstance(value, str),
    }
    for annotation, right in accepted.items():
        found = type_faults("prop", value, annotation, {})
        assert (not found) == right
        assert all(fault.startswith("prop is ") and "; must be " in fault for fault in found)
        assert all(len(fault) < 160 for fault in found if not isinstance(value, str))


def test_annotations_that_are_not_checked() -> None:
    @checked
    def function(anything: Any, made: Sequence[Duration], maybe: Mapping[str, Any], call: type[int]) -> str:
        return "done"

    assert function(object(), [Duration.seconds(1)], {"a": object()}, int) == "done"

"""Intrinsic functions with every value known, and as far as they can be known before a deployment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.aws.template_resolver import (
    PlaceholderValues,
    TemplateError,
    TemplateResolver,
    is_known,
    reference,
    references,
)

TEMPLATE = {
    "Parameters": {
        "Size": {"Type": "String", "Default": "ml.m5.xlarge"},
        "Bare": {"Type": "String"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/path"},
    },
    "Mappings": {"Accounts": {"eu-west-1": {"Account": "111"}}},
    "Conditions": {
        "Yes": {"Fn::Equals": ["a", "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Unknown": {"Fn::Equals": [{"Ref": "Bare"}, "a"]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "Unknown"}]},
        "Neither": {"Fn::And": [{"Condition": "No"}, {"Condition": "Unknown"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "Unknown"}]},
        "NotUnknown": {"Fn::Not": [{"Condition": "Unknown"}]},
        "Number": {"Fn::Equals": ["1", 1]},
        "Boolean": {"Fn::Equals": ["true", True]},
        "Member": {"Fn::Contains": [["a", "ml.m5.xlarge"], {"Ref": "Size"}]},
    },
}
PSEUDO = {"AWS::Region": "eu-west-1", "AWS::StackName": "serving"}
KNOWN: list[tuple[Any, Any]] = [
    ("plain", "plain"),
    ({"Ref": "Size"}, "ml.m5.xlarge"),
    ({"Ref": "AWS::Region"}, "eu-west-1"),
    ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
    ({"Fn::Join": ["/", ["a", {"Ref": "Size"}]]}, "a/ml.m5.xlarge"),
    ({"Fn::Sub": "x-${Size}-${!literal}"}, "x-ml.m5.xlarge-${literal}"),
    ({"Fn::Sub": ["${A}-${Size}", {"A": {"Ref": "AWS::StackName"}}]}, "serving-ml.m5.xlarge"),
    ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
    ({"Fn::Select": ["0", {"Fn::Split": ["-", "eu-west-1"]}]}, "eu"),
    ({"Fn::FindInMap": ["Accounts", {"Ref": "AWS::Region"}, "Account"]}, "111"),
    ({"Fn::FindInMap": ["Accounts", "nowhere", "Account", {"DefaultValue": "given"}]}, "given"),
    ({"Fn::Base64": "abc"}, "YWJj"),
    ({"Fn::ToJsonString": {"a": {"Ref": "Size"}}}, '{"a":"ml.m5.xlarge"}'),
    ({"Fn::Length": {"Ref": "Zones"}}, 2),
    *(({"Fn::If": [name, "a", "b"]}, "a") for name in ("Yes", "Number", "Boolean", "Member")),
    ({"Fn::If": ["No", "a", "b"]}, "b"),
    ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ([1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}], [1]),
    ({"Ref": "AWS::NoValue"}, None),
]
UNKNOWN: list[Any] = [
    {"Fn::If": ["Unknown", "a", "b"]},
    {"Fn::If": ["Both", "a", "b"]},
    {"Fn::If": ["NotUnknown", "a", "b"]},
    {"Fn::If": ["Missing", "a", "b"]},
    {"Fn::Select": [5, {"Ref": "Zones"}]},
    {"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "Bare"}]}]},
    {"Fn::FindInMap": ["Accounts", {"Ref": "Bare"}, "Account"]},
    {"Fn::Join": ["", {"Ref": "Bare"}]},
    {"Fn::Base64": {"Ref": "Bare"}},
    {"Fn::Transform": {"Name": "Odd"}},
    [{"x": {"Fn::GetAZs": ""}}],
]


class StrictValues(PlaceholderValues):
    """Every value is known, as in a deployment."""

    def attribute(self, logical_id: str, attribute: str) -> str:
        return f"{attribute} of {logical_id}"

    def import_value(self, name: str) -> str:
        return f"import of {name}"

    def is_known(self, value: Any) -> bool:
        return True

    def unknown(self, function: str, argument: Any, resolved: Any, reason: str) -> str:
        raise TemplateError(reason)


def placeholders(**parameters: str) -> TemplateResolver:
    return TemplateResolver(TEMPLATE, PlaceholderValues(TEMPLATE, parameters, PSEUDO))


def strict() -> TemplateResolver:
    return TemplateResolver(TEMPLATE, StrictValues(TEMPLATE, {}, PSEUDO))


@pytest.mark.parametrize(("value", "resolved"), KNOWN)
def test_known_values(value: Any, resolved: Any) -> None:
    assert strict().resolve(value) == resolved
    assert placeholders().resolve(value) == resolved


@pytest.mark.parametrize(
    ("value", "resolved", "placeholder"),
    [
        ({"Fn::GetAtt": ["Role", "Arn"]}, "Arn of Role", "${Role.Arn}"),
        ({"Fn::GetAtt": "Role.A.B"}, "A.B of Role", "${Role.A.B}"),
        ({"Fn::Sub": "x-${Role.Arn}"}, "x-Arn of Role", "x-${Role.Arn}"),
        (
            {"Fn::ImportValue": {"Fn::Sub": "${Size}:E"}},
            "import of ml.m5.xlarge:E",
            "${import ml.m5.xlarge:E}",
        ),
    ],
)
def test_values_of_the_deployment(value: Any, resolved: str, placeholder: str) -> None:
    assert strict().resolve(value) == resolved
    assert placeholders().resolve(value) == placeholder


@pytest.mark.parametrize("name", ["Bare", "Stored", "AWS::AccountId"])
def test_a_parameter_without_a_value_is_a_placeholder(name: str) -> None:
    assert placeholders().resolve({"Ref": name}) == f"${{{name}}}"


@pytest.mark.parametrize(("name", "chosen"), [("Neither", "b"), ("Either", "a")])
def test_a_condition_can_be_decided_by_the_known_part(name: str, chosen: str) -> None:
    assert placeholders().resolve({"Fn::If": [name, "a", "b"]}) == chosen


@pytest.mark.parametrize("value", UNKNOWN)
def test_an_unknown_value_is_the_same_placeholder_each_time(value: Any) -> None:
    first, second = (placeholders().resolve(value) for _ in range(2))
    assert first == second
    assert not is_known(first)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Fn::GetStackOutput": {"StackName": "a"}}, "Fn::GetStackOutput is not a supported function"),
        ({"Fn::Select": [5, {"Ref": "Zones"}]}, "cannot select nonexistent value at index 5"),
        (
            {"Fn::FindInMap": ["Accounts", "nowhere", "Account"]},
            "Unable to get mapping for Accounts::nowhere",
        ),
        ({"Fn::If": ["Missing", "a", "b"]}, "Unresolved condition dependency Missing"),
        ({"Fn::Join": ["", "text"]}, "requires a list"),
    ],
)
def test_a_deployment_refuses_a_function_without_a_value(value: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        strict().resolve(value)


def test_given_parameters_replace_defaults() -> None:
    resolver = placeholders(Size="ml.c5.xlarge", Stored="value", Zones="c")
    assert resolver.resolve([{"Ref": "Size"}, {"Ref": "Stored"}, {"Ref": "Zones"}]) == [
        "ml.c5.xlarge",
        "value",
        ["c"],
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet="abc:/-_"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz"), inner, max_size=3),
        max_leaves=12,
    )
)
def test_a_value_without_functions_is_itself(value: Any) -> None:
    assert placeholders().resolve(value) == value
    assert is_known(value)


@pytest.mark.parametrize(
    ("value", "id"),
    [
        ({"Ref": "Config"}, "Config"),
        ({"Fn::GetAtt": ["Config", "EndpointConfigName"]}, "Config"),
        ({"Fn::GetAtt": "Config.EndpointConfigName"}, "Config"),
        ("config", None),
        ({"Fn::ImportValue": "x"}, None),
        (None, None),
    ],
)
def test_reference(value: Any, id: str | None) -> None:
    assert reference(value) == id


def test_references() -> None:
    value = {"a": [{"Ref": "One"}], "b": {"Fn::Sub": ["${X}${Two.Arn}", {"X": {"Fn::GetAtt": "Three.Arn"}}]}}
    assert set(references(value)) == {"One", "Two", "Three"}

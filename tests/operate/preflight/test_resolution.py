"""Intrinsic functions, as far as they can be known before a deployment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.operate.preflight.resolution import Resolver, is_known

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
    },
}
PSEUDO = {"AWS::Region": "eu-west-1", "AWS::StackName": "serving"}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("plain", "plain"),
        ({"Ref": "Size"}, "ml.m5.xlarge"),
        ({"Ref": "Bare"}, "${Bare}"),
        ({"Ref": "Stored"}, "${Stored}"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::AccountId"}, "${AWS::AccountId}"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "${Role.Arn}"),
        ({"Fn::GetAtt": "Role.Arn"}, "${Role.Arn}"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Bare"}]]}, "a-${Bare}"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Sub": "x-${Size}-${!kept}-${Role.Arn}"}, "x-ml.m5.xlarge-${kept}-${Role.Arn}"),
        ({"Fn::Sub": ["${A}${Bare}", {"A": {"Ref": "AWS::StackName"}}]}, "serving${Bare}"),
        ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": ["0", {"Fn::Split": ["-", "eu-west-1"]}]}, "eu"),
        ({"Fn::FindInMap": ["Accounts", {"Ref": "AWS::Region"}, "Account"]}, "111"),
        ({"Fn::ImportValue": "store:Bucket"}, "${import store:Bucket}"),
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": ["No", "a", "b"]}, "b"),
        ({"Fn::If": ["Neither", "a", "b"]}, "b"),
        ({"Fn::If": ["Either", "a", "b"]}, "a"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Ref": "AWS::NoValue"}, None),
    ],
)
def test_resolves(value: Any, resolved: Any) -> None:
    assert Resolver(TEMPLATE, {}, PSEUDO).resolve(value) == resolved


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::If": ["Unknown", "a", "b"]},
        {"Fn::If": ["Both", "a", "b"]},
        {"Fn::If": ["NotUnknown", "a", "b"]},
        {"Fn::If": ["Missing", "a", "b"]},
        {"Fn::Select": [5, {"Ref": "Zones"}]},
        {"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "Bare"}]}]},
        {"Fn::FindInMap": ["Accounts", {"Ref": "Bare"}, "Account"]},
        {"Fn::Join": ["", {"Ref": "Bare"}]},
        {"Fn::Transform": {"Name": "Odd"}},
        [{"x": {"Fn::GetAZs": ""}}],
    ],
)
def test_what_is_not_known_says_so_and_is_the_same_each_time(value: Any) -> None:
    first, second = (Resolver(TEMPLATE, {}, PSEUDO).resolve(value) for _ in range(2))
    assert first == second
    assert not is_known(first)


def test_values_that_were_given_win() -> None:
    resolver = Resolver(TEMPLATE, {"Size": "ml.c5.xlarge", "Stored": "value", "Zones": "c"}, PSEUDO)
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
    resolver = Resolver({}, {}, {})
    assert resolver.resolve(value) == value
    assert is_known(value)

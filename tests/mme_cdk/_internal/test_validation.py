from __future__ import annotations

import pytest
from aws_cdk import Stack, Token

from mme_cdk import PropsError
from mme_cdk._internal.validation import known, outside, require


def test_every_fault_is_named_at_once(stack: Stack) -> None:
    with pytest.raises(PropsError, match=r"^Test/Thing: first; second$") as raised:
        require("first", None, "second", at=(stack, "Thing"))
    assert raised.value.faults == ("first", "second")
    assert isinstance(raised.value, ValueError)


def test_the_construct_of_a_fault(stack: Stack) -> None:
    with pytest.raises(PropsError, match=r"^Test: wrong$"):
        require("wrong", at=stack)
    with pytest.raises(PropsError, match=r"^wrong$"):
        require("wrong")


def test_no_fault_is_no_error() -> None:
    require(None, None)
    require()


def test_tokens_are_never_judged() -> None:
    assert outside("count", Token.as_number({"Ref": "Count"}), 1) is None
    assert not known(Token.as_string({"Ref": "Name"}))
    assert not known(None)
    assert known("")


@pytest.mark.parametrize(("value", "fault"), [(0, "count is 0; must be from 1 to 3"), (1, None), (3, None)])
def test_bounds_are_inclusive(value: int, fault: str | None) -> None:
    assert outside("count", value, 1, 3) == fault


def test_a_bound_on_one_side() -> None:
    assert outside("count", -1, 0) == "count is -1; must be at least 0"
    assert outside("count", None, 0) is None

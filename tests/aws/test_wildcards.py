"""Wildcards against Python's own matching, and against patterns that would take forever."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mme.aws.wildcards import wildcard_match


@given(pattern=st.text("ab*?.[", max_size=10), value=st.text("ab.[\n", max_size=10))
def test_two_wildcards_and_nothing_else(pattern: str, value: str) -> None:
    signs = {"*": "(.|\n)*", "?": "(.|\n)"}
    expected = re.fullmatch("".join(signs.get(sign) or re.escape(sign) for sign in pattern), value)
    assert wildcard_match(pattern, value) == bool(expected)


@given(st.text("ab*?\\", max_size=10))
def test_a_backslash_makes_any_character_literal(value: str) -> None:
    assert wildcard_match("".join(f"\\{sign}" for sign in value), value)


def test_thousands_of_wildcards_are_decided() -> None:
    assert not wildcard_match("a*" * 5000 + "b", "a" * 20_000)
    assert wildcard_match("*a?" * 5000, "aa" * 10_000)

"""The rule of a composite alarm: ``ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(arn))``.

Source: CloudWatch API reference, "PutCompositeAlarm".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mme_local.aws.cloudwatch.judgement import State

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s()\"]+))\s*\)"
    r"|(?P<sign>[()])|(?P<word>AND|OR|NOT|TRUE|FALSE)\b)"
)


class RuleError(ValueError):
    """The rule can't be read."""


def holds(rule: str, state_of: Callable[[str], State | None]) -> bool:
    """Whether a rule is true now.

    Args:
        rule: the expression.
        state_of: an alarm's state by its name; None where there is none of that name.

    Raises:
        RuleError: it can't be read, or names an alarm that does not exist.
    """
    reader = _Reader(rule, state_of)
    try:
        value = reader.either()
    except RecursionError:
        raise RuleError("the rule is nested too deeply for the embedded CloudWatch") from None
    reader.end()
    return value


class _Reader:
    """Reads a rule from left to right and decides on the way."""

    def __init__(self, rule: str, state_of: Callable[[str], State | None]) -> None:
        self._rule = rule
        self._state_of = state_of
        self._tokens: list[re.Match[str]] = []
        self._at = 0
        text, at = rule.rstrip(), 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._unreadable()
            self._tokens.append(match)
            at = match.end()

    def either(self) -> bool:
        value = self._both()
        while self._is("OR"):
            value = self._both() or value
        return value

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unreadable()

    def _both(self) -> bool:
        value = self._single()
        while self._is("AND"):
            value = self._single() and value
        return value

    def _single(self) -> bool:
        if self._is("NOT"):
            return not self._single()
        if self._is("("):
            value = self.either()
            if not self._is(")"):
                raise self._unreadable()
            return value
        if self._is("TRUE"):
            return True
        if self._is("FALSE"):
            return False
        if self._at == len(self._tokens) or not self._tokens[self._at]["state"]:
            raise self._unreadable()
        token = self._tokens[self._at]
        self._at += 1
        name = re.sub(r"\\(.)", r"\1", token["quoted"]) if token["bare"] is None else token["bare"]
        if name.startswith("arn:"):
            name = name.split(":alarm:", 1)[-1]
        state = self._state_of(name)
        if state is None:
            raise RuleError(f"the rule names {name}, which is no alarm")
        return state == token["state"]

    def _is(self, word: str) -> bool:
        if self._at < len(self._tokens) and word in (
            self._tokens[self._at]["sign"],
            self._tokens[self._at]["word"],
        ):
            self._at += 1
            return True
        return False

    def _unreadable(self) -> RuleError:
        return RuleError(f"the rule {self._rule!r} can't be read by the embedded CloudWatch")

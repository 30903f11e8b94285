"""The questions of `mme advise`, asked on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from mme.console import print_error, standard_error
from mme.errors import MmeError
from mme.plan.hosting.quantities import parse_seconds, parse_size
from mme.plan.hosting.workload import CUSTOM, Traffic, Wait, Workload


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise MmeError(f"{text!r} is not a number", hint="type a number such as 10")
    return int(text)


def _yes(text: str) -> bool:
    if text.lower() not in ("y", "yes", "n", "no"):
        raise MmeError(f"{text!r} is neither yes nor no", hint="type y or n")
    return text.lower().startswith("y")


def _one_of(kind: type[Wait] | type[Traffic]) -> Callable[[str], Wait | Traffic]:
    def parse(text: str) -> Wait | Traffic:
        # The beginning of a word is enough, if it is of one only: `m` is not.
        found = [one for one in kind if one.value.startswith(text.lower())]
        if len(found) != 1:
            raise MmeError(f"{text!r} is not one of them", hint=f"type {', '.join(kind)}")
        return found[0]

    return parse


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


_QUESTIONS: Final[tuple[tuple[str, str, Callable[[str], Any]], ...]] = (
    ("models", "How many models", _number),
    ("frameworks", f"Their frameworks, with commas between them, {CUSTOM} for your own container", _names),
    ("model_bytes", "Size of the largest model in memory, such as 200MB or 6GiB", parse_size),
    ("gpu", "Do they need a GPU (y/n)", _yes),
    ("traffic", f"Traffic: {', '.join(Traffic)}", _one_of(Traffic)),
    ("wait", f"Callers wait {', '.join(Wait)}", _one_of(Wait)),
    ("payload_bytes", "Largest request, such as 500KB or 25MB", parse_size),
    ("processing_seconds", "Longest processing of a request, such as 200ms or 90s", parse_seconds),
    ("cold_starts", "May some calls wait until a model is loaded (y/n)", _yes),
    ("hot_models", "How many models take most of the calls, 0 if it is even", _number),
    ("steps", "How many containers does a request pass through", _number),
)


def interview() -> dict[str, Any]:
    """Ask for each need. An empty answer leaves it open; one that contradicts another is asked again.

    Raises:
        MmeError: Standard input ended.
    """
    console = standard_error()
    console.print("Enter leaves a question open: a usual value is assumed and shown.", style="dim")
    given: dict[str, Any] = {}
    for name, question, parse in _QUESTIONS:
        if name == "hot_models" and given.get("models", 1) == 1:
            continue
        while True:
            console.print(f"{question}: ", end="")
            line = sys.stdin.readline()
            if not line:
                raise MmeError(
                    "the interview was ended before its last question", hint="see mme advise --help"
                )
            if not line.strip():
                break
            try:
                answer = {name: parse(line.strip())}
                Workload.assume(**given, **answer)
            except MmeError as error:
                print_error(error)
                continue
            given |= answer
            break
    return given

"""Values of the wrong kind: what a prop was given, what it takes, and what to write instead.

Python checks no annotation, and CDK's own complaint, where it comes at all, names neither prop nor way out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from aws_cdk import Duration, Size, TimeZone

from mme_cdk._internal.validation import known


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of value.

    Attributes:
        noun: with its article, such as `a Duration`.
        accepts: whether a value is of this kind; what only deployment knows counts by its Python type.
        way_out: what to write instead of a value that is not, beginning with a verb.
    """

    noun: str
    accepts: Callable[[object], bool]
    way_out: Callable[[Any], str]


def kind_of(*types: type, noun: str, way_out: Callable[[Any], str] | str) -> Kind:
    """The objects of these classes."""
    return Kind(noun=noun, accepts=lambda value: isinstance(value, types), way_out=_said(way_out))


def one_of(choices: type[Enum]) -> Kind:
    """The members of an enum; a member's name or value points to it."""
    names = ", ".join(f"{choices.__name__}.{each.name}" for each in choices)

    def way_out(value: object) -> str:
        meant = [
            each
            for each in choices
            if isinstance(value, str) and value.lower() in {each.name.lower(), str(each.value).lower()}
        ]
        return f"use {choices.__name__}.{meant[0].name}" if meant else f"use one of {names}"

    return kind_of(choices, noun=f"a {choices.__name__}", way_out=way_out)


def kind_with(member: str, *, noun: str, way_out: Callable[[Any], str] | str) -> Kind:
    """The objects of one of CDK's interfaces, which Python's `isinstance` does not know.

    Args:
        member: that every object of the interface has; looked for on the class first, as to read it off an
            object is a call to CDK. Some imports have it on the object alone.
        noun: with its article.
        way_out: what to write instead.
    """
    return Kind(
        noun=noun,
        accepts=lambda value: hasattr(type(value), member) or hasattr(value, member),
        way_out=_said(way_out),
    )


def expect(name: str, value: object, kind: Kind, *, optional: bool = False) -> str | None:
    """The fault of a value of another kind; None = no fault.

    Args:
        name: the prop's.
        value: what it was given.
        kind: what it takes.
        optional: whether it takes None, too.
    """
    if (value is None and optional) or kind.accepts(value):
        return None
    return f"{name} is {shown(value)}; must be {kind.noun}: {kind.way_out(value)}"


def expect_all(kind: Kind, /, *, optional: bool = False, **values: object) -> list[str | None]:
    """The faults of several props of one kind, each given by its name."""
    return [expect(name, value, kind, optional=optional) for name, value in values.items()]


def expect_each(name: str, values: object, kind: Kind) -> list[str | None]:
    """The faults of what should be several of a kind: of each, or of one given without its list."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return [f"{name} is {shown(values)}; must be a list, each item {kind.noun}: write it in brackets"]
    return [expect(f"{name}[{place}]", value, kind) for place, value in enumerate(values)]


def expect_texts(name: str, values: object) -> list[str | None]:
    """The faults of what should map texts to texts, such as environment variables."""
    if not isinstance(values, Mapping):
        return [f'{name} is {shown(values)}; must be a mapping of texts: use {{"NAME": "value"}}']
    return [
        *(expect(f"a name in {name}", key, TEXT) for key in values),
        *(expect(f"{name}[{shown(key)}]", value, TEXT) for key, value in values.items()),
    ]


def shown(value: object) -> str:
    """A value as messages show it: plain ones as they are written, objects by their class."""
    if isinstance(value, str):
        return f'"{value}"'
    if value is None or isinstance(value, bool | int | float | list | tuple | dict):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    kind = "the class" if isinstance(value, type) else "an" if name[:1] in "AEIOU" else "a"
    return f"{kind} {name}"


def _said(way_out: Callable[[Any], str] | str) -> Callable[[Any], str]:
    return way_out if callable(way_out) else lambda _: str(way_out)


def _whole(value: object) -> bool:
    # A number that only deployment knows is a float, a huge and whole one.
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _as_number(value: object) -> str:
    if isinstance(value, str):
        if not known(value):
            return "use Token.as_number for what only deployment knows"
        try:
            number = float(value)
        except ValueError:
            return "give a number"
        return f"give {number:g}, without quotes" if math.isfinite(number) else "give a number"
    return "give a number"


def _as_whole(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"give {math.floor(value)} or {math.ceil(value)}"
    return _as_number(value)


def _as_text(value: object) -> str:
    if isinstance(value, bool | int | float):
        return f'use "{value}"'
    if isinstance(value, list | tuple | set | frozenset):
        return "give each item for itself"
    return "give a text"


def _as_size(value: object) -> str:
    number = value if _number(value) else 100
    return f"use Size.gibibytes({number})"


def _as_duration(value: object) -> str:
    number = value if _number(value) else 300
    return f"use Duration.seconds({number})"


def _as_zone(value: object) -> str:
    name = value if isinstance(value, str) else "Europe/Berlin"
    return f'use TimeZone.of("{name}")'


TEXT = kind_of(str, noun="a text", way_out=_as_text)
WHOLE = Kind(noun="a whole number", accepts=_whole, way_out=_as_whole)
NUMBER = Kind(noun="a number", accepts=_number, way_out=_as_number)
FLAG = kind_of(bool, noun="True or False", way_out="give one of them, without quotes")
SIZE = kind_of(Size, noun="a Size", way_out=_as_size)
DURATION = kind_of(Duration, noun="a Duration", way_out=_as_duration)
TIME = kind_of(datetime, noun="a datetime", way_out="use datetime(2030, 1, 31, 12, 0), say")
TIME_ZONE = kind_of(TimeZone, noun="a TimeZone", way_out=_as_zone)

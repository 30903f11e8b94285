"""The instance types and counts of a grid, as a user gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Final

from mme.catalog.hosting_types import hosting_types, unknown_type
from mme.catalog.instances import InstanceType, instance_types
from mme.catalog.prices import PriceList
from mme.errors import MmeError
from mme.plan.models.assumptions import Assumptions

_WILD: Final = frozenset("*?[")
_MOST: Final = 1000
_COUNTS: Final = "such as --counts 1-8 or --counts 2,4,8"


def choose_types(patterns: Iterable[str], prices: PriceList, region: str) -> list[InstanceType]:
    """Return the instance types that patterns name, each once.

    Args:
        patterns: Types such as `ml.m5.xlarge`, or with wildcards `ml.g5.*`. Empty: all CPU types with prices.
        prices: A type with wildcards counts if it has a price.
        region: Of the prices.

    Raises:
        MmeError: A pattern matches nothing, or a type can't serve a multi-model endpoint.
    """
    known = instance_types()
    chosen: dict[str, InstanceType] = {}
    wanted = list(patterns)
    for pattern in wanted or ["*"]:
        if _WILD & set(pattern):
            matching = [
                kind
                for name, kind in known.items()
                if fnmatchcase(name, pattern)
                and prices.hourly(name, region) is not None
                and _fault(kind) is None
                and (wanted or not kind.gpus)
            ]
            if not matching:
                raise MmeError(
                    f"no instance type with a known price matches {pattern}",
                    hint="read prices from AWS: mme cost refresh-prices; or give one: --price TYPE=USD",
                )
            chosen |= {kind.name: kind for kind in matching}
            continue
        if pattern not in known:
            if pattern in hosting_types():
                raise MmeError(
                    f"{pattern} is newer than this catalog, so its memory is not known",
                    hint="plan with a similar type of the same size",
                )
            raise unknown_type(pattern)
        if fault := _fault(known[pattern]):
            raise MmeError(f"{pattern} {fault}", hint="use for example ml.m5.xlarge or ml.g5.xlarge")
        chosen[pattern] = known[pattern]
    return list(chosen.values())


def parse_counts(text: str) -> list[int]:
    """Return the numbers of instances of `1-8`, `2,4,8` or `1-4,8`, ascending.

    Raises:
        MmeError: It has another form, or a number is not possible.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= _MOST:
            raise MmeError(f"{text!r} is not a list of instance counts from 1 to {_MOST}", hint=_COUNTS)
        found |= set(range(first, last + 1))
    return sorted(found)


def parse_daily(text: str | None) -> tuple[float, ...]:
    """Return the 24 values of a daily curve; none without one.

    Raises:
        MmeError: A value is not a number.
    """
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise MmeError(
            f"{text!r} is not a daily curve; it must be 24 numbers",
            hint="such as --daily 1,1,1,1,1,1,2,4,8,9,9,9,8,9,9,9,8,6,4,3,2,2,1,1",
        ) from error


def parse_assumptions(texts: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Return the values of `NAME=VALUE`.

    Args:
        texts: As the user gives them.
        names: Known names.

    Raises:
        MmeError: A name is unknown or a value is not a number.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, separator, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        if not separator or name not in names:
            raise MmeError(
                f"{text!r} is not an assumption; there are {', '.join(names)}",
                hint="such as --assume service_ms=12",
            )
        try:
            found[name] = float(value)
        except ValueError as error:
            raise MmeError(
                f"{text!r} is not an assumption: {value!r} is not a number",
                hint="such as --assume service_ms=12",
            ) from error
    return found


def given_assumptions(texts: Sequence[str]) -> Assumptions:
    """Return the assumptions with the values of `NAME=VALUE`.

    Raises:
        MmeError: A name is unknown, or a value is not possible.
    """
    whole = ("workers", "spill_at")
    given = parse_assumptions(texts, [one.name for one in fields(Assumptions)])
    for name in whole:
        if not given.get(name, 0.0).is_integer():
            raise MmeError(
                f"{name} can't be {given[name]:g}; it is a whole number",
                hint=f"such as --assume {name}=8",
            )
    return Assumptions().replaced(
        **{name: int(value) if name in whole else value for name, value in given.items()}
    )


def _fault(kind: InstanceType) -> str | None:
    """Return why a type can't serve a multi-model endpoint; None if it can."""
    if kind.accelerator:
        return f"computes on {kind.accelerator}; a multi-model endpoint runs on CPU and single-GPU types only"
    if kind.gpus > 1:
        return f"has {kind.gpus} GPUs; a multi-model endpoint needs a single-GPU type"
    return None

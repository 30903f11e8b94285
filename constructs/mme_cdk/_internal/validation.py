"""Faults in a construct's props: all of them collected, raised once, naming the user's own values."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aws_cdk import Duration, Size, SizeRoundingBehavior, Token
from constructs import IConstruct

# How CDK writes tokens: as text that holds this, and as numbers far below any that is meant.
_TOKEN = re.compile(r"\$\{Token\[[A-Za-z0-9:._-]+\]\}")
_TOKENS_BELOW = -1e100


class PropsError(ValueError):
    """Props that cannot work.

    Attributes:
        faults: one sentence each, lower-case and without full stop, with the way out.
        path: the construct's path; empty where there is no construct yet.
    """

    def __init__(self, faults: Iterable[str], *, path: str = "") -> None:
        """Say the faults in one message.

        Args:
            faults: one sentence each; the user's own values in them.
            path: the construct's path. Default: none, where there is no construct yet.
        """
        self.faults = tuple(faults)
        self.path = path
        super().__init__(f"{path}: {'; '.join(self.faults)}" if path else "; ".join(self.faults))


def require(*faults: str | None, at: IConstruct | tuple[IConstruct, str] | None = None) -> None:
    """Do nothing where every fault is None.

    Args:
        faults: what is wrong; None where nothing is.
        at: the construct they are of, or its parent and its id where it is not made yet. Asked for its path
            only when there is a fault, as that is two calls to CDK.

    Raises:
        PropsError: holding all faults given.
    """
    found = [fault for fault in faults if fault]
    if not found:
        return
    if isinstance(at, tuple):
        parent, id = at
        raise PropsError(found, path=f"{parent.node.path}/{id}")
    raise PropsError(found, path=at.node.path if at is not None else "")


def known(value: object) -> bool:
    """Whether the value is there at synth: not None and no token, whose value only deployment knows."""
    if value is None:
        return False
    # Text and numbers are judged here: each call to CDK costs as much as a hundred lines of Python.
    if isinstance(value, str):
        return _TOKEN.search(value) is None
    if isinstance(value, int | float) and value > _TOKENS_BELOW:
        return True
    return not Token.is_unresolved(value)


def outside(name: str, value: float | None, low: float, high: float | None = None) -> str | None:
    """The fault of a number outside `low`..`high` (inclusive; None = no upper bound); None = no fault."""
    if value is None or not known(value) or (value >= low and (high is None or value <= high)):
        return None
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    return f"{name} is {value}; it must be {bounds}"


def seconds(duration: Duration | None) -> float | None:
    """A duration as AWS takes it; None stays None, and one known only at deployment stays a token.

    One of a part of a second has that part: CDK's own complaint would name no prop.
    """
    return None if duration is None else duration.to_seconds(integral=False)


def outside_seconds(name: str, duration: Duration | None, low: int, high: int) -> str | None:
    """The fault of a duration outside `low`..`high` seconds (inclusive); None = no fault."""
    length = seconds(duration)
    if length is None or not known(length):
        return None
    if low <= length <= high:
        return in_parts(name, duration)
    return f"{name} is {length:g} s; it must be from {low} to {high} s"


def in_parts(name: str, duration: Duration | None) -> str | None:
    """The fault of a duration with a part of a second; None = no fault."""
    length = seconds(duration)
    if length is None or not known(length) or length % 1 == 0:
        return None
    return f"{name} is {length:.6g} s; it must be whole seconds: round it"


def not_whole_days(name: str, duration: Duration | None, least: int = 1) -> str | None:
    """The fault of a duration that S3 does not count, or of fewer days than `least`; None = no fault."""
    days = None if duration is None else duration.to_days(integral=False)
    if days is None or not known(days) or (days % 1 == 0 and days >= least):
        return None
    return f"{name} is {days:.6g} days; it must be whole days, at least {least}"


def size_outside(name: str, size: Size, low: int, high: int, *, gibibytes: bool) -> str | None:
    """The fault of a size that is no whole number of GiB, or MiB, from `low` to `high`; None = no fault."""
    exact = SizeRoundingBehavior.NONE
    number = size.to_gibibytes(rounding=exact) if gibibytes else size.to_mebibytes(rounding=exact)
    if not known(number) or (low <= number <= high and number % 1 == 0):
        return None
    unit = "GiB" if gibibytes else "MiB"
    return f"{name} is {number:g} {unit}; it must be whole {unit}, from {low} to {high}"

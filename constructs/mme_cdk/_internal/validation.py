"""Validation of props: collect all faults, raise them once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aws_cdk import Duration, Size, SizeRoundingBehavior, Token
from constructs import IConstruct

# How CDK writes tokens: strings that contain this, and numbers far below any other.
_TOKEN = re.compile(r"\$\{Token\[[A-Za-z0-9:._-]+\]\}")
_TOKENS_BELOW = -1e100


class PropsError(ValueError):
    """Props that cannot work.

    Attributes:
        faults: One message each: what is wrong with which value, why, and after a colon a hint.
        path: The construct's path; the class or factory if there is no construct yet, else empty.
    """

    def __init__(self, faults: Iterable[str], *, path: str = "") -> None:
        """Join the faults to one message.

        Args:
            faults: One message each.
            path: The construct's path. Default: none.
        """
        self.faults = tuple(faults)
        self.path = path
        super().__init__(f"{path}: {'; '.join(self.faults)}" if path else "; ".join(self.faults))


def require(*faults: str | None, at: IConstruct | tuple[IConstruct, str] | None = None) -> None:
    """Raise the faults that are not None.

    Args:
        faults: Messages.
        at: The construct, or its parent and its id before it exists. Its path is read only if there is a
            fault, because that calls CDK.

    Raises:
        PropsError: At least one fault.
    """
    found = [fault for fault in faults if fault]
    if not found:
        return
    if isinstance(at, tuple):
        parent, id = at
        raise PropsError(found, path=f"{parent.node.path}/{id}")
    raise PropsError(found, path=at.node.path if at is not None else "")


def known(value: object) -> bool:
    """Return whether the value is known at synth: not None and not a token."""
    if value is None:
        return False
    # Strings and numbers are judged here: a call to CDK costs as much as a hundred lines of Python.
    if isinstance(value, str):
        return _TOKEN.search(value) is None
    if isinstance(value, int | float) and value > _TOKENS_BELOW:
        return True
    return not Token.is_unresolved(value)


def outside(name: str, value: float | None, low: float, high: float | None = None) -> str | None:
    """Return the fault of a number outside `low` to `high`.

    Args:
        name: The prop.
        value: Its value; None and tokens pass.
        low: Smallest value.
        high: Largest value. Default: no limit.
    """
    if value is None or not known(value) or (value >= low and (high is None or value <= high)):
        return None
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    return f"{name} is {value}; must be {bounds}"


def seconds(duration: Duration | None) -> float | None:
    """Return a duration in seconds, with its fraction: CDK's own error for one does not name the prop."""
    return None if duration is None else duration.to_seconds(integral=False)


def outside_seconds(name: str, duration: Duration | None, low: int, high: int) -> str | None:
    """Return the fault of a duration that is not whole seconds from `low` to `high`.

    Args:
        name: The prop.
        duration: Its value; None and tokens pass.
        low: Shortest, in seconds.
        high: Longest, in seconds.
    """
    length = seconds(duration)
    if length is None or not known(length):
        return None
    if low <= length <= high:
        return not_whole_seconds(name, duration)
    return f"{name} is {length:g} s; must be from {low} to {high} s"


def not_whole_seconds(name: str, duration: Duration | None) -> str | None:
    """Return the fault of a duration with a fraction of a second.

    Args:
        name: The prop.
        duration: Its value; None and tokens pass.
    """
    length = seconds(duration)
    if length is None or not known(length) or length % 1 == 0:
        return None
    return f"{name} is {length:.6g} s; must be whole seconds"


def not_whole_days(name: str, duration: Duration | None, least: int = 1) -> str | None:
    """Return the fault of a duration that is not whole days, which S3 counts in.

    Args:
        name: The prop.
        duration: Its value; None and tokens pass.
        least: Shortest, in days.
    """
    days = None if duration is None else duration.to_days(integral=False)
    if days is None or not known(days) or (days % 1 == 0 and days >= least):
        return None
    return f"{name} is {days:.6g} days; must be whole days, at least {least}"


def size_outside(name: str, size: Size, low: int, high: int, *, gibibytes: bool) -> str | None:
    """Return the fault of a size that is not a whole number of GiB (or MiB) from `low` to `high`.

    Args:
        name: The prop.
        size: Its value; tokens pass.
        low: Smallest, in the unit.
        high: Largest, in the unit.
        gibibytes: Whether the unit is GiB, else MiB.
    """
    exact = SizeRoundingBehavior.NONE
    number = size.to_gibibytes(rounding=exact) if gibibytes else size.to_mebibytes(rounding=exact)
    if not known(number) or (low <= number <= high and number % 1 == 0):
        return None
    unit = "GiB" if gibibytes else "MiB"
    return f"{name} is {number:g} {unit}; must be whole {unit}, from {low} to {high}"

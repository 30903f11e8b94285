"""Validation of props: collect all faults, raise them once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import jsii
from aws_cdk import Duration, Stack, Token
from constructs import IConstruct, IValidation

# How CDK writes tokens: strings that contain this, and numbers far below any other. A lookup of an SSM
# parameter that has not been made yet is a dummy value: the CDK CLI makes it and synthesizes again.
_LOOKUP = "dummy-value-for-"
_TOKEN = re.compile(rf"\$\{{Token\[[A-Za-z0-9:._-]+\]\}}|{_LOOKUP}")
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


@jsii.implements(IValidation)
class LateFaults:
    """Reports faults before synthesis: of what may still change after its construct is defined."""

    def __init__(self, faults: Callable[[], list[str]]) -> None:
        """Store the function that returns the faults."""
        self._faults = faults

    def validate(self) -> list[str]:
        """Return the faults."""
        return self._faults()


def pending(value: object) -> bool:
    """Return whether the value is the dummy of a lookup, known at the next synthesis."""
    return isinstance(value, str) and _LOOKUP in value


def known(value: object) -> bool:
    """Return whether the value is known now: not None, not a token, not the dummy of a lookup."""
    if value is None:
        return False
    # Strings and numbers are judged here: a call to CDK costs as much as a hundred lines of Python.
    if isinstance(value, str):
        return _TOKEN.search(value) is None
    if isinstance(value, int | float) and value > _TOKENS_BELOW:
        return True
    return not Token.is_unresolved(value)


def outside(
    name: str, value: float | None, low: float, high: float | None = None, *, whole: str = ""
) -> str | None:
    """Return the fault of a number outside `low` to `high`.

    Args:
        name: The prop.
        value: Its value; None and tokens pass.
        low: Smallest value.
        high: Largest value. Default: no limit.
        whole: The value's unit, of which only whole numbers are valid: `seconds`, `days`, `MiB` or `GiB`.
            Default: any number of no unit.
    """
    if value is None or not known(value):
        return None
    if value >= low and (high is None or value <= high) and not (whole and value % 1):
        return None
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    if not whole:
        return f"{name} is {value}; must be {bounds}"
    unit = "s" if whole == "seconds" else whole
    return f"{name} is {value:.6g} {unit}; must be {f'whole {whole}, ' if value % 1 else ''}{bounds} {unit}"


def seconds(duration: Duration | None) -> float | None:
    """Return a duration in seconds, with its fraction: CDK's own error for one does not name the prop."""
    return None if duration is None else duration.to_seconds(integral=False)


def days(duration: Duration | None) -> float | None:
    """Return a duration in days, with its fraction."""
    return None if duration is None else duration.to_days(integral=False)


def elsewhere(stack: Stack, account: str | None, region: str | None) -> tuple[str, str, str] | None:
    """Return what differs between a stack and another place, as `("region", ours, theirs)`; None if nothing.

    Args:
        stack: The stack.
        account: The other account; tokens and None count as the same.
        region: The other region; tokens and None count as the same.
    """
    for what, ours, theirs in (("account", stack.account, account), ("region", stack.region, region)):
        if theirs is not None and known(theirs) and known(ours) and ours != theirs:
            return what, ours, theirs
    return None

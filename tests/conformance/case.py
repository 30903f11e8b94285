"""A case of the suite: its title, and the targets, containers and Triton versions that have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

from tools.conformance_table import ANY_TRITON, EVERYWHERE, LOCAL, TRITON_ONLY, Row

DIRECT = "asks the container itself"
"""Why a case is local only: SageMaker gives no access to a container."""
VARIABLES = "needs a container with its own flags"
"""Why a case is local only: it would need another deployment of the endpoint."""
FORMAT = "its payloads"
LAYOUT = "its model repositories"
SETTING = "its settings"
"""What of Triton a case is about that the Multi Model Server does not have."""

Function = TypeVar("Function", bound=Callable[..., object])
_ATTRIBUTE = "conformance_case"


@dataclass(frozen=True)
class Triton:
    """The versions that have what a case is about, by Triton's own numbers.

    Attributes:
        since: the first; empty for every version.
        release: the container release of ``since``, such as ``26.03``.
        broken: the first version without it again, and the first with it once more; None if there is none.
        why: what happens in between.
    """

    since: str = ""
    release: str = ""
    broken: tuple[str, str] | None = None
    why: str = ""

    def __str__(self) -> str:
        text = f"{self.since} ({self.release}) or newer" if self.since else ANY_TRITON
        if self.broken:
            text += f", but not from {self.broken[0]} until {self.broken[1]} ({self.why})"
        return text

    def lacking(self, version: str | None) -> str | None:
        """Why a version can't run it; None if it can."""
        if not self.since and not self.broken:
            return None
        if version is None:
            return f"needs Triton {self}; this one's version is unknown, say it by --triton-version"
        if self.since and _key(version) < _key(self.since):
            return f"needs Triton {self.since} ({self.release}) or newer, this is {version}"
        if self.broken and _key(self.broken[0]) <= _key(version) < _key(self.broken[1]):
            return f"Triton {version}: {self.why}"
        return None


ANY = Triton()


@dataclass(frozen=True)
class Case:
    """See :func:`case`."""

    title: str
    triton: Triton
    local_only: str
    triton_only: str
    mms: str

    def row(self, function: Callable[..., object]) -> Row:
        """Its row in the table, before it ran."""
        area = (function.__module__ or "").rsplit(".", 1)[-1].removeprefix("test_").replace("_", " ")
        runs = f"{LOCAL}: {self.local_only}" if self.local_only else EVERYWHERE
        mms = f"{TRITON_ONLY}: {self.triton_only}" if self.triton_only else self.mms
        return Row(function.__name__, area, self.title, runs, str(self.triton), mms)


def case(
    title: str, *, triton: Triton = ANY, local_only: str = "", triton_only: str = "", mms: str = ""
) -> Callable[[Function], Function]:
    """Make a test function a case of the suite.

    Args:
        title: a sentence that is true if it passes.
        triton: the versions that have it; the case skips by name on others.
        local_only: why it can't run on a live endpoint, if it can't.
        triton_only: what of Triton it is about, if the Multi Model Server has no such thing.
        mms: how the Multi Model Server differs, if it does.
    """

    def mark(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, Case(title, triton, local_only, triton_only, mms))
        pytest.mark.slow(function)
        pytest.mark.triton(function)
        return function

    return mark


def case_of(function: object) -> Case | None:
    """The case that a function is, if it is one."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Case) else None


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removesuffix("dev").split("."))

"""The kinds of fault, and one that somebody asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mme.errors import MmeError

FAULTS_PATH: Final = "/_mme/faults"
"""Where a runtime is told of them."""
MOST_SECONDS: Final = 3600.0
"""A fault is for a test: an hour is a typing error, or a runtime that nobody remembers to mend."""


class FaultKind(StrEnum):
    """What can be made to go wrong."""

    S3_SLOW = "s3-slow"
    S3_FAILING = "s3-failing"
    LOAD_507 = "load-507"
    STUB_UNHEALTHY = "stub-unhealthy"
    TRITON_DIES = "triton-dies"
    DISK_FULL = "disk-full"
    NOT_READY = "not-ready"

    @property
    def says(self) -> str:
        """One line about it, for people."""
        return _SAYS[self]

    @property
    def at_load(self) -> bool:
        """Whether it is met on the way into the memory only, so that a loaded model goes on."""
        return self in (FaultKind.S3_SLOW, FaultKind.S3_FAILING, FaultKind.LOAD_507, FaultKind.DISK_FULL)


_SAYS: Final = {
    FaultKind.S3_SLOW: "each request to S3, the endpoint's downloads included, takes --seconds longer",
    FaultKind.S3_FAILING: "S3 answers 503 SlowDown, and the endpoint can't download models",
    FaultKind.LOAD_507: "the container answers 507 (short of memory) to each load",
    FaultKind.STUB_UNHEALTHY: "the model's python process is dead: 400 of the container at each call",
    FaultKind.TRITON_DIES: "Triton is killed under the next request, once unless --times says more",
    FaultKind.DISK_FULL: "no archive can be unpacked: no space is left on the disk",
    FaultKind.NOT_READY: "ModelNotReadyException for --seconds from its first call on, or --times calls",
}
_WITH_SECONDS: Final = (FaultKind.S3_SLOW, FaultKind.NOT_READY)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as it was asked for; :meth:`checked` makes it.

    Attributes:
        kind: what goes wrong.
        model: the target model that it concerns; None for all.
        seconds: of `s3-slow`, how much longer each request takes; of `not-ready`, how long it lasts from the
            first call that it meets. None for the others.
        times: after how many times it is over; None: when it is cleared.
    """

    kind: FaultKind
    model: str | None = None
    seconds: float | None = None
    times: int | None = None

    @classmethod
    def checked(
        cls, kind: object, model: object = None, seconds: object = None, times: object = None
    ) -> Fault:
        """The fault of these words, as a person or a test wrote them.

        Raises:
            MmeError: one of them can't be, with those that can.
        """
        known = kind_of(kind)
        if model is not None and (not isinstance(model, str) or not model):
            raise MmeError(
                f"model {model!r} is no target model",
                hint="one looks like add_sub_v0.tar.gz; leave it out for all",
            )
        chosen_times = _times(times)
        if known is FaultKind.TRITON_DIES and chosen_times is None:
            chosen_times = 1
        return cls(known, model, _seconds(known, seconds, chosen_times), chosen_times)

    @property
    def words(self) -> str:
        """It in one line, for people."""
        return " ".join(
            [self.kind]
            + [f"for {self.model}"] * (self.model is not None)
            + [f"of {self.seconds or 0:g} s"] * (self.seconds is not None)
            + ["once" if self.times == 1 else f"{self.times} times"] * (self.times is not None)
        )

    def concerns(self, model: str) -> bool:
        """Whether it is met by a request for this model."""
        return self.model in (None, model)

    def as_json(self) -> dict[str, object]:
        """For scripts and for the wire."""
        return {"kind": self.kind.value, "model": self.model, "seconds": self.seconds, "times": self.times}


def kind_of(kind: object) -> FaultKind:
    """The kind of this name. MmeError where there is none, with those that there are."""
    try:
        return FaultKind(str(kind))
    except ValueError:
        raise MmeError(f"{kind!r} is no fault", hint=f"there are: {', '.join(FaultKind)}") from None


def _seconds(kind: FaultKind, seconds: object, times: int | None) -> float | None:
    if kind not in _WITH_SECONDS:
        if seconds is not None:
            raise MmeError(
                f"{kind} takes no seconds",
                hint=f"{' and '.join(_WITH_SECONDS)} do; the others last until cleared, or so many times",
            )
        return None
    if seconds is None:
        if kind is FaultKind.NOT_READY and times is not None:
            return None
        more = ", or how many times" if kind is FaultKind.NOT_READY else ""
        raise MmeError(f"{kind} needs seconds", hint=f"say how many seconds{more}")
    number = seconds if isinstance(seconds, int | float) and not isinstance(seconds, bool) else math.nan
    if not 0 < number <= MOST_SECONDS:  # false for no number too
        raise MmeError(
            f"seconds {seconds!r} can't be", hint=f"a number above 0, at most {MOST_SECONDS:g}, can"
        )
    return float(number)


def _times(times: object) -> int | None:
    if times is None:
        return None
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise MmeError(
            f"times {times!r} can't be", hint="a whole number from 1 on can; leave it out for always"
        )
    return times

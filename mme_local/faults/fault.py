"""A fault and its kinds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mme.errors import MmeError, plain_reason

FAULTS_PATH: Final = "/_mme/faults"
"""Path of a local endpoint that lists, sets and clears faults."""
MAX_SECONDS: Final = 3600.0
"""Longer is a typing error, or a local endpoint whose faults are never cleared."""


class FaultType(StrEnum):
    """What can be made to fail."""

    S3_SLOW = "s3-slow"
    S3_FAILING = "s3-failing"
    LOAD_507 = "load-507"
    WORKER_DEAD = "worker-dead"
    SERVER_DIES = "server-dies"
    DISK_FULL = "disk-full"
    NOT_READY = "not-ready"

    @classmethod
    def parse(cls, name: object) -> FaultType:
        """Return the kind of this name.

        Raises:
            MmeError: There is no such kind.
        """
        try:
            return cls(str(name))
        except ValueError:
            raise MmeError(f"unknown fault {name!r}", hint=f"the faults are {', '.join(cls)}") from None

    @property
    def at_load(self) -> bool:
        """Whether only downloads and loads meet it, so that a loaded model is not affected."""
        return self in (
            FaultType.S3_SLOW,
            FaultType.S3_FAILING,
            FaultType.LOAD_507,
            FaultType.DISK_FULL,
        )


class InjectedFault(BaseModel):
    """One fault; create it with `checked`.

    Attributes:
        kind: what fails.
        model: the target model; None for all.
        seconds: of ``s3-slow``, the delay of each request; of ``not-ready``, the duration from the first call
            that meets it. None for the others.
        times: how often it is met before it is cleared; None for no limit.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    kind: Annotated[FaultType, BeforeValidator(FaultType.parse)]
    model: Annotated[str, Field(min_length=1)] | None = None
    seconds: Annotated[float, Field(gt=0, le=MAX_SECONDS)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_seconds(self) -> Self:
        if self.kind is FaultType.S3_SLOW and self.seconds is None:
            raise ValueError("s3-slow needs seconds")
        if self.kind is FaultType.NOT_READY and self.seconds is None and self.times is None:
            raise ValueError("not-ready needs seconds or times")
        if self.seconds is not None and self.kind not in (
            FaultType.S3_SLOW,
            FaultType.NOT_READY,
        ):
            raise ValueError(f"{self.kind} takes no seconds; s3-slow and not-ready do")
        return self

    @classmethod
    def checked(cls, values: Any) -> InjectedFault:
        """Return the fault of a mapping with some of this class's attributes.

        Raises:
            MmeError: A value is not valid.
        """
        try:
            fault = cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            message = plain_reason(first["msg"])
            if first["loc"]:
                message = f"{first['loc'][0]} {first['input']!r} is not valid: {message}"
            raise MmeError(message, hint="see `mme local fault set --help`") from None
        if fault.kind is FaultType.SERVER_DIES and fault.times is None:
            return fault.model_copy(update={"times": 1})
        return fault

    def concerns(self, model: str) -> bool:
        """Return whether a request for this model meets it."""
        return self.model in (None, model)

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts and for HTTP."""
        return self.model_dump(mode="json")

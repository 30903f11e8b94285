"""What models and calls need: the input of the hosting decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mme.catalog.frameworks import find_framework
from mme.catalog.instances import InstanceType, instance_type
from mme.catalog.limits import INVOKE_TIMEOUT_SECONDS, PAYLOAD_MAX_BYTES
from mme.catalog.prices import check_type
from mme.console import size_text
from mme.errors import MmeError
from mme.plan.hosting.quantities import seconds_text

GIB: Final = 1024**3
CUSTOM: Final = "custom"
"""Framework of a container that a team builds."""
_DEFAULT_TYPES: Final = {True: "ml.g5.xlarge", False: "ml.m5.xlarge"}


class Wait(StrEnum):
    """How long a caller waits for an answer."""

    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"

    @property
    def rank(self) -> int:
        """0 for milliseconds to 3 for hours."""
        return list(Wait).index(self)


class Traffic(StrEnum):
    """When calls come."""

    SUSTAINED = "sustained"
    INTERMITTENT = "intermittent"
    BATCH = "batch"


_LONGEST: Final = {Wait.MILLISECONDS: 1.0, Wait.SECONDS: 60.0, Wait.MINUTES: 3600.0}
"""Longest processing that an answer in this time allows, seconds."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Models and their calls.

    Attributes:
        payload_bytes: Largest request.
        processing_seconds: Longest processing of a request.
        wait: How long a caller waits.
        traffic: When calls come.
        models: Number of models.
        hot_models: How many of them take most of the calls.
        model_bytes: Size of the largest model in memory.
        frameworks: Frameworks of the catalog, or `custom`; empty = one, whichever.
        steps: Containers that a request passes through, one after the other.
        cold_starts: Whether some calls may wait until a model is loaded.
        gpu: Whether the models need a GPU.
        type: Instance type.

    Raises:
        MmeError: A number is out of range, a name unknown, or two answers contradict each other.
    """

    payload_bytes: int
    processing_seconds: float
    wait: Wait
    traffic: Traffic
    models: int
    hot_models: int
    model_bytes: int
    frameworks: tuple[str, ...]
    steps: int
    cold_starts: bool
    gpu: bool
    type: str

    @classmethod
    def assume(cls, **given: Any) -> tuple[Workload, dict[str, Any]]:
        """Return a workload, with what it assumes for needs that are not given.

        Args:
            given: Attributes; None = not given.

        Raises:
            MmeError: As in the class.
        """
        known = {name: value for name, value in given.items() if value is not None}
        assumed = {name: value for name, value in _assumptions(known).items() if name not in known}
        workload = cls(**assumed | known)
        return workload, assumed

    def __post_init__(self) -> None:
        names = tuple(dict.fromkeys(name if name == CUSTOM else _framework(name) for name in self.frameworks))
        object.__setattr__(self, "frameworks", names)
        object.__setattr__(self, "type", check_type(self.type))
        self._check_numbers()
        self._check_contradictions()

    @property
    def instance(self) -> InstanceType | None:
        """Its instance type; None if the catalog does not describe it."""
        return instance_type(self.type)

    @property
    def memory_bytes(self) -> float | None:
        """Memory for models on one instance: of all GPUs, or main memory; None if it is not known."""
        kind = self.instance
        if kind is None:
            return None
        return (kind.gpus * kind.gpu_memory_gib if self.gpu else kind.memory_gib) * GIB

    def needs(self) -> dict[str, float]:
        """Return the needs that limits are compared with."""
        return {
            "payload_bytes": self.payload_bytes,
            "processing_seconds": self.processing_seconds,
            "wait": self.wait.rank,
            "models": self.models,
            "hot_models": self.hot_models,
            "model_bytes": self.model_bytes,
            "steps": self.steps,
            "gpu": int(self.gpu),
            "cold_starts": int(self.cold_starts),
        }

    def need_text(self, need: str) -> str:
        """Return a need, by the name of its attribute, for people: `a payload of 30.0 MB`."""
        texts = {
            "payload_bytes": f"a payload of {size_text(self.payload_bytes)}",
            "processing_seconds": f"processing takes {seconds_text(self.processing_seconds)}",
            "wait": f"callers wait {self.wait.value}",
            "models": f"{self.models:,} models" if self.models != 1 else "one model",
            "hot_models": f"{self.hot_models or 'no'} hot models",
            "model_bytes": f"a model of {size_text(self.model_bytes)}",
            "steps": "one container a request" if self.steps == 1 else f"{self.steps} containers a request",
            "gpu": "a GPU is needed" if self.gpu else "no GPU is needed",
            "cold_starts": f"calls may {'' if self.cold_starts else 'not '}wait for a load",
            "traffic": f"{self.traffic.value} traffic",
            "frameworks": ", ".join(self.frameworks) or "one framework",
            "type": self.type,
        }
        return texts[need]

    def _check_numbers(self) -> None:
        for value, name, flag in (
            (self.models, "models", "--models"),
            (self.steps, "containers a request", "--steps"),
        ):
            if value < 1:
                raise MmeError(f"{value} {name} can't be hosted", hint=f"give at least one: {flag} 1")
        if self.hot_models < 0:
            raise MmeError(f"{self.hot_models} hot models are fewer than none", hint="give --hot-models 0")

    def _check_contradictions(self) -> None:
        longest = _LONGEST.get(self.wait)
        if longest is not None and self.processing_seconds > longest:
            raise _contradiction(
                f"callers wait {self.wait.value}",
                f"processing takes {seconds_text(self.processing_seconds)}",
                "give a longer --latency, or a shorter --processing",
            )
        if self.traffic is Traffic.BATCH and self.wait.rank < Wait.MINUTES.rank:
            raise _contradiction(
                f"callers wait {self.wait.value}",
                "the data comes as a batch",
                "give --latency hours, or --traffic sustained",
            )
        if self.hot_models >= self.models and self.hot_models:
            raise _contradiction(
                f"{self.hot_models:,} models are hot",
                f"there are {self.models:,} models",
                "name fewer --hot-models: they are the few that take most of the calls",
            )
        if self.steps == 1 and len(self.frameworks) > self.models:
            raise _contradiction(
                f"there are {len(self.frameworks)} frameworks ({', '.join(self.frameworks)})",
                self.need_text("models"),
                "give more --models or fewer --framework",
            )
        kind = self.instance
        if self.gpu and kind is not None and not kind.gpus:
            raise _contradiction(
                "a GPU is needed", f"{self.type} has none", "give a type such as ml.g5.xlarge"
            )
        if self.memory_bytes is not None and self.model_bytes > self.memory_bytes:
            raise _contradiction(
                f"a model takes {size_text(self.model_bytes)}",
                f"{self.type} has {size_text(round(self.memory_bytes))} for models",
                "give a larger --type",
            )


def _assumptions(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the needs of a usual workload that fit those that are given."""
    kind = instance_type(given.get("type") or "")
    gpu = given.get("gpu", kind is not None and kind.gpus > 0)
    wait = given.get("wait") or _usual_wait(given)
    return {
        "payload_bytes": 1_000_000,
        "processing_seconds": 0.2,
        "wait": wait,
        "traffic": Traffic.SUSTAINED,
        "models": 1,
        "hot_models": 0,
        "model_bytes": 500_000_000,
        "frameworks": (),
        "steps": 1,
        "cold_starts": wait is not Wait.MILLISECONDS,
        "gpu": gpu,
        "type": _DEFAULT_TYPES[gpu],
    }


def _usual_wait(given: Mapping[str, Any]) -> Wait:
    if given.get("traffic") is Traffic.BATCH:
        return Wait.HOURS
    processing = given.get("processing_seconds", 0.0)
    if processing > INVOKE_TIMEOUT_SECONDS or given.get("payload_bytes", 0) > PAYLOAD_MAX_BYTES:
        return Wait.MINUTES if processing <= _LONGEST[Wait.MINUTES] else Wait.HOURS
    return Wait.SECONDS


def _framework(name: str) -> str:
    try:
        return find_framework(name).name
    except MmeError as error:
        raise MmeError(error.message, hint=f"{error.hint}; or {CUSTOM} for your own container") from None


def _contradiction(one: str, other: str, hint: str) -> MmeError:
    return MmeError(f"two answers contradict each other: {one}, and {other}", hint=hint)

"""How SageMaker can host models, and the limits of each option, with source and date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from mme.catalog.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingLimit:
    """One limit of an option: a need of the workload that must not be above or below it.

    Attributes:
        need: Which need: `payload_bytes`, `processing_seconds`, `wait`, `models`, `hot_models`,
            `model_bytes`, `steps`, `gpu`, `cold_starts`.
        text: The limit, for people: `25 MB a request`.
        source: Where it is published.
        date: When it was read, an ISO date.
        most: Largest need that fits; None = no upper limit.
        least: Smallest need that fits; None = no lower limit.
    """

    need: str
    text: str
    source: str
    date: str
    most: float | None = None
    least: float | None = None

    def fits(self, need: float) -> bool:
        """Return whether a need is within the limit."""
        return (self.most is None or need <= self.most) and (self.least is None or need >= self.least)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingOption:
    """A way to host models.

    Attributes:
        name: Short and stable: `multi-model`.
        title: For people.
        next: The construct, class or command that creates it.
        page: The page to read.
        limits: The first one that a workload exceeds decides.
    """

    name: str
    title: str
    next: str
    page: str
    limits: tuple[HostingLimit, ...]


@cache
def hosting_options() -> dict[str, HostingOption]:
    """Return every option by name, in the order of the decision. Source: `data/hosting_options.json`."""
    content = record("hosting_options")
    return {
        name: HostingOption(name=name, **spec | {"limits": _limits(spec["limits"], content["date"])})
        for name, spec in content["options"].items()
    }


def options_date() -> str:
    """Return when the options were read, an ISO date."""
    return str(record("hosting_options")["date"])


@cache
def component_minimum() -> tuple[int, int]:
    """Return what an inference component reserves at least: GPUs, if it uses any, and bytes of memory."""
    found = record("hosting_options")["component"]
    return found["least_gpus"], found["least_memory_mib"] * 1024 * 1024


def _limits(specs: list[dict[str, Any]], date: str) -> tuple[HostingLimit, ...]:
    return tuple(HostingLimit(date=date, **spec) for spec in specs)

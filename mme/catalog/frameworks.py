"""Which serving frameworks have containers that take multi-model mode, and on what hardware."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mme.catalog.records import record


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A framework that AWS ships a multi-model container of.

    Attributes:
        name: short name, such as `triton`.
        title: as its makers write it.
        repository: the name of AWS's image repository.
        gpu: whether its multi-model container may run on a GPU instance.
    """

    name: str
    title: str
    repository: str
    gpu: bool


@cache
def frameworks() -> dict[str, Framework]:
    """Every framework with multi-model support, by name. Source: `data/frameworks.json`."""
    return {name: Framework(name=name, **spec) for name, spec in record("frameworks")["frameworks"].items()}


def framework_of_repository(repository: str) -> Framework | None:
    """The framework whose image repository has this name; None for any other repository."""
    return next((known for known in frameworks().values() if known.repository == repository), None)

"""The serving frameworks whose containers support multi-model mode, and what AWS publishes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mme.catalog.records import record
from mme.errors import MmeError


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A framework that AWS ships a multi-model container of.

    Attributes:
        name: Short name, such as `triton`.
        title: As its makers write it.
        repository: Name of AWS's image repository.
        gpu: Whether its multi-model container may run on a GPU instance.
        aliases: Other short names that users write.
        image_source: Where the catalog's refresher finds its images; see `tools.catalog.refresh_images`.
        minimum_compute_capability: NVIDIA compute capability that GPU builds need, from a version on.
        cuda_major: Major CUDA version that GPU builds are built on, from a version on.
        paths_confined_from: First version whose server refuses model paths out of its folder; None = unknown.
    """

    name: str
    title: str
    repository: str
    gpu: bool = False
    aliases: tuple[str, ...] = ()
    image_source: dict[str, str] = field(hash=False)
    minimum_compute_capability: dict[str, float] = field(default_factory=dict, hash=False)
    cuda_major: dict[str, int] = field(default_factory=dict, hash=False)
    paths_confined_from: str | None = None


@cache
def frameworks() -> dict[str, Framework]:
    """Return every framework with multi-model support, by name. Source: `data/frameworks.json`."""
    return {name: _framework(name, **spec) for name, spec in record("frameworks")["frameworks"].items()}


def find_framework(name: str) -> Framework:
    """Return a framework by its short name or an alias, however it is spelled.

    Raises:
        MmeError: There is no such framework.
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    for framework in frameworks().values():
        if plain in (framework.name, *framework.aliases):
            return framework
    raise MmeError(
        f"no container is known for the framework {name!r}",
        hint=f"frameworks are: {', '.join(frameworks())}",
    )


def framework_of_repository(repository: str) -> Framework | None:
    """Return the framework whose image repository has this name; None for any other repository."""
    return next((known for known in frameworks().values() if known.repository == repository), None)


def _framework(name: str, *, aliases: list[str] | None = None, **spec: Any) -> Framework:
    return Framework(name=name, aliases=tuple(aliases or ()), **spec)

"""The environment variables of containers: the user's own, those of typed settings, SageMaker's limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mme.catalog.images import ImageTraits, Processor
from mme.catalog.limits import (
    ENVIRONMENT_ENTRY_MAX_BYTES,
    ENVIRONMENT_MAX_BYTES,
    ENVIRONMENT_MAX_ENTRIES,
    ENVIRONMENT_NAME_PATTERN,
)
from mme_cdk._internal.validation import known
from mme_cdk.model.triton_settings import ADDITIONAL_ARGS, QUIET, TritonSettings


def merged(
    traits: ImageTraits, triton: TritonSettings | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """All variables of a multi-model container; the user's own go over the image's defaults."""
    defaults = QUIET if triton is not None or _framework(traits) == "triton" else {}
    return {**defaults, **(triton.variables() if triton else {}), **environment}


def triton_faults(
    traits: ImageTraits, triton: TritonSettings | None, environment: Mapping[str, str]
) -> list[str]:
    """What typed settings can't be with this image, or with the user's own variables."""
    if triton is None:
        return []
    found = triton.faults()
    if _framework(traits) not in {None, "triton"}:
        found.append(f"triton settings are given and {traits.name} is no Triton: leave triton out")
    if triton.gpu_memory_limit is not None and traits.processor is Processor.CPU:
        found.append(f"gpu_memory_limit is set and {traits.name} uses no GPU: leave it out")
    for name in sorted(triton.variables().keys() & environment.keys()):
        way_out = "additional_arguments" if name == ADDITIONAL_ARGS else "one of the two"
        found.append(f"environment sets {name}, which the triton settings set too: use {way_out}")
    return found


def environment_faults(environments: Iterable[Mapping[str, str]]) -> list[str]:
    """What SageMaker would refuse in the variables of one model's containers."""
    found: list[str] = []
    total = 0
    for variables in environments:
        if len(variables) > ENVIRONMENT_MAX_ENTRIES:
            found.append(
                f"environment has {len(variables)} variables; SageMaker takes {ENVIRONMENT_MAX_ENTRIES}"
            )
        for name, value in variables.items():
            found += _entry_faults(name, value)
            total += _length(name) + _length(value)
    if total > ENVIRONMENT_MAX_BYTES:
        found.append(
            f"the environment is {total} bytes long over all containers; SageMaker takes "
            f"{ENVIRONMENT_MAX_BYTES}: keep long settings in the models' archives"
        )
    return found


def _entry_faults(name: str, value: str) -> list[str]:
    if not re.fullmatch(ENVIRONMENT_NAME_PATTERN, name):
        return [f"environment variable {name!r} is not a name: use letters, digits and _, no digit first"]
    return [
        f"{what} of environment variable {name[:40]} is {_length(text)} bytes long; SageMaker takes "
        f"{ENVIRONMENT_ENTRY_MAX_BYTES}: keep long settings in the models' archives"
        for what, text in (("the name", name), ("the value", value))
        if _length(text) > ENVIRONMENT_ENTRY_MAX_BYTES
    ]


def _length(text: str) -> int:
    """In bytes; what only deployment knows counts for nothing."""
    return len(text.encode()) if known(text) else 0


def _framework(traits: ImageTraits) -> str | None:
    return traits.framework.name if traits.framework else None

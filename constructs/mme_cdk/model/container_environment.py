"""Environment variables of containers: custom ones, those of typed settings, SageMaker's limits."""

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
    """Return all variables of a multi-model container.

    Args:
        traits: What is known of its image.
        triton: Typed settings, if any.
        environment: Custom variables, over all others.
    """
    defaults = QUIET if triton is not None or _framework(traits) == "triton" else {}
    return {**defaults, **(triton.variables() if triton else {}), **environment}


def triton_faults(
    traits: ImageTraits, triton: TritonSettings | None, environment: Mapping[str, str]
) -> list[str]:
    """Return why typed settings don't suit the image or the custom variables.

    Args:
        traits: What is known of the image.
        triton: Typed settings, if any.
        environment: Custom variables.
    """
    if triton is None:
        return []
    found = []
    if _framework(traits) not in {None, "triton"}:
        found.append(f"triton settings are given; {traits.name} is not Triton: leave triton out")
    if triton.gpu_memory_limit is not None and traits.processor is Processor.CPU:
        found.append(f"gpu_memory_limit is set; {traits.name} uses no GPU: leave it out")
    for name in sorted(triton.variables().keys() & environment.keys()):
        hint = "additional_arguments" if name == ADDITIONAL_ARGS else "one of the two"
        found.append(f"environment sets {name}, which the triton settings set, too: use {hint}")
    return found


def environment_faults(environments: Iterable[Mapping[str, str]]) -> list[str]:
    """Return what SageMaker would refuse in the variables of a model's containers."""
    found: list[str] = []
    total = 0
    for variables in environments:
        if len(variables) > ENVIRONMENT_MAX_ENTRIES:
            found.append(
                f"environment has {len(variables)} variables; SageMaker takes {ENVIRONMENT_MAX_ENTRIES}"
            )
        for name, value in variables.items():
            found += _entry_faults(name, value)
            total += _bytes(name) + _bytes(value)
    if total > ENVIRONMENT_MAX_BYTES:
        found.append(
            f"the environment of all containers has {total} bytes; SageMaker takes {ENVIRONMENT_MAX_BYTES}: "
            "put long settings into the models' archives"
        )
    return found


def _entry_faults(name: str, value: str) -> list[str]:
    if not re.fullmatch(ENVIRONMENT_NAME_PATTERN, name):
        return [
            f"environment variable {name!r} is not a valid name: use letters, digits and _, no digit first"
        ]
    return [
        f"{what} of environment variable {name[:40]} has {_bytes(text)} bytes; SageMaker takes "
        f"{ENVIRONMENT_ENTRY_MAX_BYTES}: put long settings into the models' archives"
        for what, text in (("the name", name), ("the value", value))
        if _bytes(text) > ENVIRONMENT_ENTRY_MAX_BYTES
    ]


def _bytes(text: str) -> int:
    """Return the length in bytes; tokens count as nothing."""
    return len(text.encode()) if known(text) else 0


def _framework(traits: ImageTraits) -> str | None:
    return traits.framework.name if traits.framework else None

"""Which instance types SageMaker can host on, by botocore's list."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from mme.errors import MmeError


@cache
def hosting_types() -> tuple[str, ...]:
    """Return every valid type, such as `ml.m5.large`, in botocore's order.

    Source: the enum `ProductionVariantInstanceType` of botocore's SageMaker service model, so that the list
    is as new as the installed botocore. Reading it takes about 0.1 s, once in a process.
    """
    # Late import: limits alone don't need botocore.
    from botocore.loaders import Loader

    model = Loader().load_service_model("sagemaker", "service-2")
    return tuple(model["shapes"]["ProductionVariantInstanceType"]["enum"])


def unknown_type(name: str) -> MmeError:
    """Return the error for a name that is not a hosting type, with the names that are close to it."""
    plain = name.strip().lower()
    close = get_close_matches(plain, hosting_types(), n=3, cutoff=0.6)
    close = [exact for exact in (plain, f"ml.{plain}") if exact in hosting_types()] or close
    hint = f"did you mean {' or '.join(close)}?" if close else "use for example ml.m5.xlarge or ml.g5.xlarge"
    shown = name if name == name.strip() and name else repr(name)
    return MmeError(f"{shown} is not a SageMaker hosting instance type", hint=hint)

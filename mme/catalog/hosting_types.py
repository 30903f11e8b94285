"""Which instance types SageMaker can host on at all: botocore's own list, read when first asked."""

from __future__ import annotations

from functools import cache


@cache
def hosting_types() -> tuple[str, ...]:
    """Every valid type, such as `ml.m5.large`, in botocore's order.

    Source: the enum `ProductionVariantInstanceType` of botocore's SageMaker service model, so the list is
    as new as the installed botocore. Reading it takes about 0.1 s, once in a process.
    """
    # Late, so that whoever asks for limits alone does not pay for it.
    from botocore.loaders import Loader

    model = Loader().load_service_model("sagemaker", "service-2")
    return tuple(model["shapes"]["ProductionVariantInstanceType"]["enum"])

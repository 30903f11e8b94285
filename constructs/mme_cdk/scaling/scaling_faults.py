"""What is wrong with the numbers of scaling; None where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration

from mme.catalog.limits import VARIANT_MIN_INSTANCES
from mme_cdk._internal.expectations import DURATION, FLAG, expect, expect_all
from mme_cdk._internal.validation import in_parts, known, outside

if TYPE_CHECKING:
    from mme_cdk.endpoint.endpoint import Endpoint


def bounds_faults(endpoint: Endpoint, least: int | None, most: int | None) -> list[str | None]:
    """Bounds that contradict each other, SageMaker or the deployment strategy; None = not given."""
    return [
        outside("min_capacity", least, VARIANT_MIN_INSTANCES),
        outside("max_capacity", most, VARIANT_MIN_INSTANCES) if least is None else None,
        f"min_capacity {least} is above max_capacity {most}: raise one or lower the other"
        if least is not None and most is not None and known(least) and known(most) and least > most
        else None,
        *endpoint.capacity_faults(min_capacity=least, max_capacity=most),
    ]


def tracking_faults(scale_in: object, scale_out: object, disabled: object) -> list[str | None]:
    """Values of the wrong kind among what every policy takes that tracks a metric."""
    return [
        *expect_all(DURATION, optional=True, scale_in_cooldown=scale_in, scale_out_cooldown=scale_out),
        expect("disable_scale_in", disabled, FLAG),
        *(
            in_parts(name, span)
            for name, span in (("scale_in_cooldown", scale_in), ("scale_out_cooldown", scale_out))
            if isinstance(span, Duration)
        ),
    ]


def not_positive(name: str, value: float) -> str | None:
    """A number that is not above 0."""
    return f"{name} is {value}; it must be above 0" if known(value) and value <= 0 else None


def not_a_number_yet(name: str, value: float | None) -> str | None:
    """A number that only deployment knows, where synth computes with it: a token times 60 is nonsense."""
    if value is None or known(value):
        return None
    return f"{name} is known only at deployment, and the policy's target is computed from it: give a number"


def percent_fault(value: float) -> str | None:
    """A percentage out of bounds, or a share meant as one: 0.7 is less than one percent."""
    if not known(value) or 1 <= value <= 100:
        return None
    meant = f"; for a share of {value:g} give {value * 100:g}" if 0 < value < 1 else ""
    return f"target_utilization_percent is {value}; it must be from 1 to 100{meant}"

"""A part of a fleet, in percent or in instances."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_sagemaker

from mme_cdk._internal.expectations import WHOLE, expect, kind_of
from mme_cdk._internal.validation import known, outside, require

_Size = aws_sagemaker.CfnEndpoint.CapacitySizeProperty


@dataclass(frozen=True, kw_only=True)
class CapacitySize:
    """A part of a fleet: `CapacitySize.percent(25)` or `CapacitySize.instances(1)`.

    Attributes:
        type: as SageMaker names it: `CAPACITY_PERCENT` or `INSTANCE_COUNT`.
        value: percent of the variant's instances, or how many of them.
    """

    type: str
    value: int

    @classmethod
    def percent(cls, value: int) -> CapacitySize:
        """So many percent of the variant's instances.

        Args:
            value: percent, 1 to 100.

        Raises:
            PropsError: a percentage outside 1 to 100.
        """
        require(expect("percent", value, WHOLE))
        require(outside("percent", value, 1, 100))
        return cls(type="CAPACITY_PERCENT", value=value)

    @classmethod
    def instances(cls, value: int) -> CapacitySize:
        """So many instances.

        Args:
            value: at least 1.

        Raises:
            PropsError: fewer than one instance.
        """
        require(expect("instances", value, WHOLE))
        require(outside("instances", value, 1))
        return cls(type="INSTANCE_COUNT", value=value)

    def percent_of(self, instances: int) -> float | None:
        """Its share of a fleet in percent; None where only deployment knows it.

        Args:
            instances: the fleet's size.
        """
        if not known(self.value):
            return None
        if self.type == "CAPACITY_PERCENT":
            return self.value
        return 100 * self.value / instances if known(instances) else None

    def __str__(self) -> str:
        if self.type == "CAPACITY_PERCENT":
            return f"{self.value}%"
        return f"{self.value} instance{'' if self.value == 1 else 's'}"

    def render(self) -> _Size:
        """The size as the endpoint resource takes it."""
        return _Size(type=self.type, value=self.value)


CAPACITY_SIZE = kind_of(
    CapacitySize,
    noun="a CapacitySize",
    way_out=lambda value: (
        f"use CapacitySize.percent({value}) or CapacitySize.instances({value})"
        if isinstance(value, int)
        else "use CapacitySize.percent(...) or CapacitySize.instances(...)"
    ),
)

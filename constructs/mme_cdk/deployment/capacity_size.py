"""A part of a fleet, in percent or in instances."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_sagemaker

from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import known, outside, require

_Size = aws_sagemaker.CfnEndpoint.CapacitySizeProperty


@dataclass(frozen=True, kw_only=True)
class CapacitySize:
    """A part of a fleet: `CapacitySize.percent(25)` or `CapacitySize.instances(1)`.

    Attributes:
        type: SageMaker's name for the unit: `CAPACITY_PERCENT` or `INSTANCE_COUNT`.
        value: Percent of the variant's instances, or a number of instances.
    """

    type: str
    value: int

    @classmethod
    @checked
    def percent(cls, value: int) -> CapacitySize:
        """Return a share of the variant's instances.

        Args:
            value: Percent, 1 to 100.

        Raises:
            PropsError: A percentage outside 1 to 100.
        """
        require(outside("percent", value, 1, 100))
        return cls(type="CAPACITY_PERCENT", value=value)

    @classmethod
    @checked
    def instances(cls, value: int) -> CapacitySize:
        """Return a number of instances.

        Args:
            value: At least 1.

        Raises:
            PropsError: Fewer than one instance.
        """
        require(outside("instances", value, 1))
        return cls(type="INSTANCE_COUNT", value=value)

    def percent_of(self, instances: int) -> float | None:
        """Return its share of a fleet in percent; None if only deployment knows it.

        Args:
            instances: Size of the fleet.
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
        """Return the size as the endpoint resource takes it."""
        return _Size(type=self.type, value=self.value)

"""What endpoints cost in a month: dedicated ones against one multi-model endpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mme.catalog.images import ImageTraits
from mme.catalog.limits import VARIANT_MIN_INSTANCES
from mme.catalog.prices import HOURS_PER_MONTH, Price, PriceList, check_type
from mme.catalog.suitability import check_instance
from mme.errors import MmeError

AVAILABLE_INSTANCES = 2
"""Instances that AWS recommends for availability. Source: SageMaker AI guide, `multi-model-endpoints`."""


@dataclass(frozen=True, slots=True)
class Range:
    """An amount that scaling moves between two bounds."""

    least: float
    most: float

    def __mul__(self, factor: float) -> Range:
        return Range(self.least * factor, self.most * factor)

    def __sub__(self, other: Range) -> Range:
        return Range(self.least - other.least, self.most - other.most)

    def text(self, digits: int = 0, sign: str = "") -> str:
        """Return `1,015`, or `2,030 to 4,061` if the bounds differ.

        Args:
            digits: Digits after the decimal point.
            sign: `+` shows the sign of positive numbers too.
        """
        # Adding zero turns -0.0 into 0.0.
        bounds = (round(bound, digits) + 0.0 for bound in (self.least, self.most))
        least, most = (f"{bound:{sign if bound else ''},.{digits}f}" for bound in bounds)
        return least if least == most else f"{least} to {most}"


@dataclass(frozen=True, slots=True)
class Setup:
    """Endpoints that serve all models.

    Attributes:
        name: What it is, for people.
        instance_type: Such as `ml.g5.xlarge`.
        instances: Number of instances of all endpoints.
        price: Of one instance.
        hours: Hours in which they run.
        saving: Share of the dedicated endpoints' cost that it saves, 0 to 1: at most and at least instances;
            None for dedicated endpoints.
    """

    name: str
    instance_type: str
    instances: Range
    price: Price
    hours: float
    saving: Range | None = None

    @property
    def usd_per_hour(self) -> Range:
        """USD per hour."""
        return self.instances * self.price.usd_per_hour

    @property
    def usd(self) -> Range:
        """USD for all hours."""
        return self.usd_per_hour * self.hours


@dataclass(frozen=True, slots=True)
class Comparison:
    """Dedicated endpoints against one multi-model endpoint.

    Attributes:
        models: Number of models.
        region: Region of the prices.
        hours: Hours in which all instances run.
        dedicated: One endpoint for each model, one instance each.
        shared: One multi-model endpoint with one instance.
        dedicated_available: One endpoint for each model, with the least instances of `shared_available`.
        shared_available: One multi-model endpoint that scales between two numbers of instances.
    """

    models: int
    region: str
    hours: float
    dedicated: Setup
    shared: Setup
    dedicated_available: Setup
    shared_available: Setup

    @property
    def setups(self) -> tuple[Setup, ...]:
        """All of them, in the order to show."""
        return (self.dedicated, self.shared, self.dedicated_available, self.shared_available)


def compare(
    prices: PriceList,
    *,
    models: int,
    instance_type: str,
    region: str,
    shared_type: str | None = None,
    instances: tuple[int, int] = (AVAILABLE_INSTANCES, 2 * AVAILABLE_INSTANCES),
    hours: float = HOURS_PER_MONTH,
) -> Comparison:
    """Compare what dedicated endpoints and one multi-model endpoint cost.

    Each multi-model setup is compared with dedicated endpoints of as many instances each. Whether its
    instances suffice depends on memory and traffic, which this does not model.

    Args:
        prices: The prices.
        models: Number of models.
        instance_type: Type of the dedicated endpoints.
        region: Region of the prices.
        shared_type: Type of the multi-model endpoint. Default: the same.
        instances: Its least and most instances, when it scales.
        hours: Hours in which all instances run.

    Raises:
        MmeError: A number is out of range, a type unknown or unfit, or a price missing.
    """
    shared_type = shared_type or instance_type
    least, most = instances
    _check(models, least, most, hours)
    check_shared_type(shared_type)
    one, other = prices.require(check_type(instance_type), region), prices.require(shared_type, region)

    def dedicated(each: int) -> Setup:
        name = f"{_count(models, 'endpoint')}, {each} each"
        total = float(models * each)
        return Setup(name, instance_type, Range(total, total), one, hours)

    def shared(low: int, high: int, against: Setup) -> Setup:
        setup = Setup("multi-model endpoint", shared_type, Range(low, high), other, hours)
        saving = Range(1 - setup.usd.most / against.usd.least, 1 - setup.usd.least / against.usd.least)
        return Setup(setup.name, shared_type, setup.instances, other, hours, saving)

    single, available = dedicated(1), dedicated(least)
    return Comparison(
        models,
        region,
        hours,
        dedicated=single,
        shared=shared(1, 1, single),
        dedicated_available=available,
        shared_available=shared(least, most, available),
    )


def check_shared_type(name: str) -> None:
    """Refuse a type that no multi-model endpoint runs on.

    Raises:
        MmeError: It is unknown, has several GPUs, or another accelerator.
    """
    check_type(name)
    if errors := check_instance(name, ImageTraits(name="the image")).errors:
        message, _, hint = errors[0].partition(": ")
        raise MmeError(message, hint=hint or None)


def check_hours(hours: float) -> None:
    """Refuse hours that are not a positive number.

    Raises:
        MmeError: They are not.
    """
    if not 0 < hours < math.inf:
        raise MmeError(f"{hours:g} hours can't be billed", hint="give a positive number: --hours 720")


def _check(models: int, least: int, most: int, hours: float) -> None:
    if models < 1:
        raise MmeError(f"{models} models can't be hosted", hint="give at least one: --models 10")
    if least < VARIANT_MIN_INSTANCES:
        raise MmeError(
            f"{least} instances are too few: a multi-model endpoint does not scale to zero",
            hint=f"give at least {VARIANT_MIN_INSTANCES}: --min-instances {AVAILABLE_INSTANCES}",
        )
    if most < least:
        raise MmeError(
            f"at most {most} instances are fewer than at least {least}",
            hint=f"give --max-instances {least} or more",
        )
    check_hours(hours)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

"""What hosting on an instance type costs: USD per hour, on demand, with region, date and source.

Prices come from `data/prices.json`, then from the user's price file, which `mme cost refresh-prices` writes,
then from prices that the user gives. Types without a price have none: nothing is estimated.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mme.catalog.hosting_types import hosting_types, unknown_type
from mme.catalog.records import record
from mme.errors import MmeError

REFERENCE_REGION: Final = "us-east-1"
"""The region whose price is assumed if a region has none."""

HOURS_PER_MONTH: Final = 720
"""Hours of a month of 30 days, which published examples use."""

GIVEN: Final = "given"
"""Source of a price that the user gives."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one instance costs.

    Attributes:
        usd_per_hour: On demand, for hosting.
        region: The region whose price it is.
        date: When it was read: an ISO date, or a year; empty for a given price.
        source: Where it was read.
        assumption: Why it may differ from the price that was asked for; empty = it is that one.
    """

    usd_per_hour: float
    region: str
    date: str
    source: str
    assumption: str = ""

    @property
    def origin(self) -> str:
        """Region, date and source in one phrase, for people."""
        if self.source == GIVEN:
            return GIVEN
        return self.assumption or f"{self.region}, {self.date}, {self.source}"

    def text(self, instance_type: str) -> str:
        """Return the price with its origin, for people."""
        return f"{instance_type}: {self.usd_per_hour:g} USD an hour ({self.origin})"


class PriceList:
    """Prices by instance type and region.

    Args:
        prices: By type and region.
        given: USD per hour by type: these hold in every region.
    """

    def __init__(
        self, prices: Mapping[tuple[str, str], Price], given: Mapping[str, float] | None = None
    ) -> None:
        self._prices = dict(prices)
        self._given = dict(given or {})

    @classmethod
    def over_catalog(
        cls, prices: Mapping[tuple[str, str], Price], given: Mapping[str, float] | None = None
    ) -> PriceList:
        """Return the catalog's prices with others over them.

        Args:
            prices: By type and region.
            given: USD per hour by instance type, over both.
        """
        return cls(dict(parse_prices(record("prices"), "the catalog")) | dict(prices), given)

    def hourly(self, instance_type: str, region: str) -> Price | None:
        """Return the price of an instance type; another region's, with that assumption, if there is none.

        Args:
            instance_type: Such as `ml.g5.xlarge`.
            region: Such as `eu-west-1`.
        """
        if instance_type in self._given:
            return Price(self._given[instance_type], region, "", GIVEN)
        if (found := self._prices.get((instance_type, region))) is not None:
            return found
        regions = sorted(other for type, other in self._prices if type == instance_type)
        if not regions:
            return None
        other = REFERENCE_REGION if REFERENCE_REGION in regions else regions[0]
        price = self._prices[instance_type, other]
        return replace(
            price, assumption=f"price of {other} ({price.date}): there is none of {region} for this type"
        )

    def require(self, instance_type: str, region: str) -> Price:
        """Return the price of an instance type, as `hourly` does.

        Args:
            instance_type: Such as `ml.g5.xlarge`.
            region: Such as `eu-west-1`.

        Raises:
            MmeError: It is not a hosting type, or has no price.
        """
        price = self.hourly(instance_type, region)
        if price is None:
            check_type(instance_type)
            raise MmeError(
                f"no price of {instance_type} is known, in {region} or elsewhere",
                hint=f"read it from AWS: mme cost refresh-prices {instance_type}; "
                f"or give it: --price {instance_type}=USD",
            )
        return price


def parse_given(texts: Iterable[str]) -> dict[str, float]:
    """Return prices that the user gives, such as `ml.g5.xlarge=1.41`, by instance type.

    Raises:
        MmeError: One has another form, an unknown type, or not a positive number.
    """
    return dict(_parse_one(text) for text in texts)


def _parse_one(text: str) -> tuple[str, float]:
    name, separator, value = (part.strip() for part in text.partition("="))
    try:
        usd = float(value.removeprefix("$"))
    except ValueError:
        usd = math.nan
    if not separator or not _is_price(usd):
        raise MmeError(
            f"{text!r} is not a price; it must be TYPE=USD, with a positive number of USD per hour",
            hint="such as --price ml.g5.xlarge=1.41",
        )
    return check_type(name), usd


def check_type(name: str) -> str:
    """Return the name of a hosting type.

    Raises:
        MmeError: It is not one; the hint has close names.
    """
    # botocore's list takes longer to read than the catalog.
    if name not in record("instances")["types"] and name not in hosting_types():
        raise unknown_type(name)
    return name


def read_file(file: Path) -> dict[tuple[str, str], Price]:
    """Return the prices of a file by type and region; none if it does not exist.

    Raises:
        MmeError: It can't be read, or is not a price file.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = (getattr(error, "strerror", None) or "").lower()
        raise _not_a_price_file(str(file), reason or "it is not JSON") from error
    return dict(parse_prices(content, str(file)))


def write_file(file: Path, prices: Mapping[tuple[str, str], Price]) -> None:
    """Write a price file, whole or not at all.

    Args:
        file: The file; its folder is created.
        prices: By type and region.
    """
    groups: dict[tuple[str, str, str], dict[str, float]] = {}
    for (name, region), price in sorted(prices.items(), key=lambda item: item[0]):
        groups.setdefault((region, price.date, price.source), {})[name] = price.usd_per_hour
    content = [
        {"region": region, "date": date, "source": source, "usd_per_hour": group}
        for (region, date, source), group in sorted(groups.items())
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps({"prices": content}, indent=2) + "\n", "utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def parse_prices(content: Any, name: str) -> Iterator[tuple[tuple[str, str], Price]]:
    """Yield the prices of a price file's content by type and region; a later group replaces an earlier one.

    Args:
        content: `{"prices": [{"region", "date", "source", "usd_per_hour": {type: number}}]}`.
        name: Name of the file, for messages.

    Raises:
        MmeError: It has another shape.
    """
    groups = content.get("prices") if isinstance(content, dict) else None
    if not isinstance(groups, list):
        raise _not_a_price_file(name, 'it has no list "prices"')
    for number, group in enumerate(groups):
        place = f"prices[{number}]"
        if not isinstance(group, dict):
            raise _not_a_price_file(name, f"{place} is not an object")
        for key in ("region", "date", "source"):
            if not isinstance(group.get(key), str) or not group[key]:
                raise _not_a_price_file(name, f"{place} has no {key}")
        prices = group.get("usd_per_hour")
        if not isinstance(prices, dict):
            raise _not_a_price_file(name, f"{place} has no object usd_per_hour")
        for type, usd in prices.items():
            if not _is_price(usd):
                raise _not_a_price_file(
                    name, f"the price of {type} in {place} is {usd!r}, not a positive number"
                )
            yield (type, group["region"]), Price(float(usd), group["region"], group["date"], group["source"])


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _not_a_price_file(name: str, reason: str) -> MmeError:
    return MmeError(
        f"{name} is not a price file: {reason}",
        hint="delete it and run mme cost refresh-prices, or set MME_PRICES to another file",
    )

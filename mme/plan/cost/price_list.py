"""Read hosting prices from AWS's Price List API.

Source of names and filters: AWS Billing guide, `using-price-list-query-api`; botocore pricing service-2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mme.aws.clients import open_session
from mme.aws.settings import Settings
from mme.catalog.prices import REFERENCE_REGION, Price, PriceList, parse_given, read_file, write_file
from mme.errors import MmeError

SOURCE: Final = "AWS Price List API"
_FILTERS: Final = {"productFamily": "ML Instance", "platoinstancetype": "Hosting"}
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
_OTHER_CURRENCY: Final = "cn-"
"""Regions whose prices are in CNY."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A refreshed price file.

    Attributes:
        file: The file.
        region: Region of the prices.
        prices: USD per hour by instance type, as read.
        changed: USD per hour before and now, of types that had another price in this region.
    """

    file: Path
    region: str
    prices: Mapping[str, float]
    changed: Mapping[str, tuple[float, float]]


def refresh(
    pricing: Callable[[], Any], file: Path, region: str, types: Sequence[str], today: str
) -> Refreshed:
    """Read the prices of hosting in a region into a price file.

    Args:
        pricing: Returns a boto3 client of the Price List API.
        file: The price file. Prices of other regions stay; of this region too, if types are given.
        region: Such as `eu-west-1`.
        types: Instance types. None given: every type.
        today: ISO date of the prices.

    Raises:
        MmeError: The file is not a price file, or the list has no such prices; the file is then unchanged.
    """
    old = read_file(file)
    new = read_prices(pricing(), region, types, today)
    write_file(file, {key: price for key, price in old.items() if types or key[1] != region} | new)
    before = PriceList.over_catalog(old)
    changed = {}
    for (name, _), price in new.items():
        known = before.hourly(name, region)
        if known is not None and known.region == region and known.usd_per_hour != price.usd_per_hour:
            changed[name] = (known.usd_per_hour, price.usd_per_hour)
    return Refreshed(file, region, {name: price.usd_per_hour for (name, _), price in new.items()}, changed)


def load_prices(settings: Settings, given: Iterable[str]) -> PriceList:
    """Return the catalog's prices, the user's file over them, and given prices over both.

    Args:
        settings: Names the file.
        given: Such as `ml.g5.xlarge=1.41`.

    Raises:
        MmeError: The file is not a price file, the settings name one that does not exist, or a given price
            is not one.
    """
    file = settings.price_file
    if settings.prices and not file.exists():
        raise MmeError(
            f"{file} does not exist, and MME_PRICES names it as the price file",
            hint="write it: mme cost refresh-prices; or unset MME_PRICES",
        )
    return PriceList.over_catalog(read_file(file), parse_given(given))


def price_region(settings: Settings) -> str:
    """Return the region whose prices hold: the flag's, the configured one, or us-east-1.

    The local environment has its own region, which says nothing about prices.

    Raises:
        MmeError: It is not a region's name.
    """
    in_aws = settings.model_copy(update={"env": "aws"})
    region = in_aws.aws_region or open_session(in_aws).region_name or REFERENCE_REGION
    if not _REGION.fullmatch(region):
        raise MmeError(f"{region!r} is not an AWS region", hint="give one such as --region us-east-1")
    return region


def read_prices(pricing: Any, region: str, types: Iterable[str], today: str) -> dict[tuple[str, str], Price]:
    """Return the prices of hosting in a region, by type and region.

    Args:
        pricing: A boto3 client of the Price List API.
        region: Such as `eu-west-1`.
        types: Instance types. None given: every type.
        today: ISO date of the prices.

    Raises:
        MmeError: The region's prices are not in USD, or the list has no price of a type.
    """
    if region.startswith(_OTHER_CURRENCY):
        raise MmeError(f"prices of {region} are in CNY, not in USD", hint="give them: --price TYPE=USD")
    found: dict[str, float] = {}
    wanted: list[str | None] = [*types]
    for name in wanted or [None]:
        named = dict(_hourly(_products(pricing, region, name), region))
        if name is not None and name not in named:
            raise MmeError(
                f"AWS's price list has no price of hosting on {name} in {region}",
                hint="the region may lack the type: check --region, or name another type",
            )
        found |= named
    if not found:
        raise MmeError(
            f"AWS's price list has no price of hosting in {region}",
            hint="check --region: it must be a region such as us-east-1",
        )
    return {(name, region): Price(usd, region, today, SOURCE) for name, usd in sorted(found.items())}


def _products(pricing: Any, region: str, instance_type: str | None) -> Iterator[Mapping[str, Any]]:
    filters = _FILTERS | {"regionCode": region} | ({"instanceName": instance_type} if instance_type else {})
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker",
        FormatVersion="aws_v1",
        Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
    )
    for page in pages:
        for product in page["PriceList"]:
            yield json.loads(product)


def _hourly(products: Iterable[Mapping[str, Any]], region: str) -> Iterator[tuple[str, float]]:
    """Yield each type's price on demand; the highest if it has several products, as with a free tier."""
    highest: dict[str, float] = {}
    for product in products:
        attributes = product.get("product", {}).get("attributes", {})
        name = attributes.get("instanceName")
        if name is None or attributes.get("regionCode", region) != region:
            continue
        for usd in _on_demand(product.get("terms", {})):
            highest[name] = max(usd, highest.get(name, 0.0))
    yield from highest.items()


def _on_demand(terms: Mapping[str, Any]) -> Iterator[float]:
    for offer in terms.get("OnDemand", {}).values():
        for dimension in offer.get("priceDimensions", {}).values():
            usd = dimension.get("pricePerUnit", {}).get("USD")
            if usd is not None and dimension.get("unit") in ("Hrs", "Hours") and float(usd) > 0:
                yield float(usd)

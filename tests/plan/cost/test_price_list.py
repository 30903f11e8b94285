"""Prices from the Price List API, by its answers in the documented form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from mme.aws.settings import Settings
from mme.catalog.prices import Price, read_file, write_file
from mme.errors import MmeError
from mme.plan.cost.price_list import SOURCE, load_prices, read_prices, refresh

TODAY = "2026-11-30"


def product(
    type: str, *usd: str, region: str = "us-east-1", unit: str = "Hrs", currency: str = "USD", number: int = 0
) -> str:
    """One string of `PriceList`, as the API answers in the format aws_v1."""
    sku = f"SKU{number}{type}"
    dimensions = {
        f"{sku}.JRTCKXETXF.{rank}": {
            "unit": unit,
            "beginRange": "0",
            "endRange": "Inf",
            "description": f"${price} per Hosting {type} hour in US East (N. Virginia)",
            "appliesTo": [],
            "rateCode": f"{sku}.JRTCKXETXF.{rank}",
            "pricePerUnit": {currency: price},
        }
        for rank, price in enumerate(usd)
    }
    return json.dumps(
        {
            "product": {
                "productFamily": "ML Instance",
                "sku": sku,
                "attributes": {
                    "instanceName": type,
                    "instanceType": f"{type}-Hosting",
                    "platoinstancetype": "Hosting",
                    "regionCode": region,
                    "servicecode": "AmazonSageMaker",
                    "servicename": "Amazon SageMaker",
                    "usagetype": f"USE1-Host:{type}",
                    "operation": "RunInstance",
                },
            },
            "serviceCode": "AmazonSageMaker",
            "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": {"sku": sku, "priceDimensions": dimensions}}},
            "version": "20261128003316",
            "publicationDate": "2026-11-28T00:33:16Z",
        }
    )


def filters(region: str = "us-east-1", type: str | None = None) -> dict[str, Any]:
    wanted = {"productFamily": "ML Instance", "platoinstancetype": "Hosting", "regionCode": region}
    if type:
        wanted["instanceName"] = type
    return {
        "ServiceCode": "AmazonSageMaker",
        "FormatVersion": "aws_v1",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()
        ],
    }


@pytest.fixture
def pricing() -> Any:
    return boto3.client("pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def stub(pricing: Any) -> Any:
    with Stubber(pricing) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def answer(*products: str, token: str | None = None) -> dict[str, Any]:
    return {"FormatVersion": "aws_v1", "PriceList": list(products)} | ({"NextToken": token} if token else {})


def test_all_types_of_a_region_page_by_page(pricing: Any, stub: Stubber) -> None:
    stub.add_response("get_products", answer(product("ml.g5.xlarge", "1.4080000000"), token="2"), filters())
    stub.add_response(
        "get_products", answer(product("ml.m5.xlarge", "0.2300000000")), filters() | {"NextToken": "2"}
    )
    assert read_prices(pricing, "us-east-1", [], TODAY) == {
        ("ml.g5.xlarge", "us-east-1"): Price(1.408, "us-east-1", TODAY, SOURCE),
        ("ml.m5.xlarge", "us-east-1"): Price(0.23, "us-east-1", TODAY, SOURCE),
    }


def test_one_call_per_named_type(pricing: Any, stub: Stubber) -> None:
    for type in ("ml.g5.xlarge", "ml.m5.xlarge"):
        stub.add_response("get_products", answer(product(type, "1")), filters(type=type))
    found = read_prices(pricing, "us-east-1", ["ml.g5.xlarge", "ml.m5.xlarge"], TODAY)
    assert set(found) == {("ml.g5.xlarge", "us-east-1"), ("ml.m5.xlarge", "us-east-1")}


def test_the_free_tier_and_other_units_are_not_prices(pricing: Any, stub: Stubber) -> None:
    products = (
        product("ml.m5.xlarge", "0.0000000000", "0.2300000000"),
        product("ml.m5.xlarge", "0.0000000000", number=1),
        product("ml.m5.large", "9", unit="GB"),
        product("ml.m5.2xlarge", "9", currency="CNY"),
        product("ml.m5.4xlarge", "9", region="eu-west-1"),
        "{}",
    )
    stub.add_response("get_products", answer(*products), filters())
    assert {
        key: price.usd_per_hour for key, price in read_prices(pricing, "us-east-1", [], TODAY).items()
    } == {("ml.m5.xlarge", "us-east-1"): 0.23}


def test_a_type_that_the_region_lacks(pricing: Any, stub: Stubber) -> None:
    stub.add_response("get_products", answer(), filters("eu-north-1", "ml.p3.2xlarge"))
    with pytest.raises(MmeError, match=r"no price of hosting on ml\.p3\.2xlarge in eu-north-1"):
        read_prices(pricing, "eu-north-1", ["ml.p3.2xlarge"], TODAY)


def test_a_region_without_prices(pricing: Any, stub: Stubber) -> None:
    stub.add_response("get_products", answer(), filters("us-est-1"))
    with pytest.raises(MmeError, match="no price of hosting in us-est-1"):
        read_prices(pricing, "us-est-1", [], TODAY)


def test_prices_in_another_currency_are_refused_before_a_call(pricing: Any, stub: Stubber) -> None:
    with pytest.raises(MmeError, match="CNY"):
        read_prices(pricing, "cn-north-1", [], TODAY)


def test_refresh_keeps_other_regions_and_reports_changes(pricing: Any, stub: Stubber, tmp_path: Path) -> None:
    file = tmp_path / "mme" / "prices.json"
    old = {
        ("ml.g5.xlarge", "us-east-1"): Price(1.3, "us-east-1", "2026-01-01", "x"),
        ("ml.m5.4xlarge", "us-east-1"): Price(1.0, "us-east-1", "2026-01-01", "x"),
        ("ml.g5.xlarge", "eu-west-1"): Price(1.5, "eu-west-1", "2026-01-01", "x"),
    }
    write_file(file, old)
    new = Price(1.408, "us-east-1", TODAY, SOURCE)
    stub.add_response("get_products", answer(product("ml.g5.xlarge", "1.408")), filters(type="ml.g5.xlarge"))
    done = refresh(lambda: pricing, file, "us-east-1", ["ml.g5.xlarge"], TODAY)
    assert done.changed == {"ml.g5.xlarge": (1.3, 1.408)}
    assert read_file(file) == old | {("ml.g5.xlarge", "us-east-1"): new}
    # All types: what the region no longer has is dropped.
    stub.add_response("get_products", answer(product("ml.g5.xlarge", "1.408")), filters())
    done = refresh(lambda: pricing, file, "us-east-1", [], TODAY)
    assert done.changed == {}
    assert set(read_file(file)) == {("ml.g5.xlarge", "us-east-1"), ("ml.g5.xlarge", "eu-west-1")}


def test_a_failure_changes_nothing(pricing: Any, stub: Stubber, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    write_file(file, {("ml.g5.xlarge", "us-east-1"): Price(1.3, "us-east-1", "2026-01-01", "x")})
    before = file.read_bytes()
    stub.add_client_error("get_products", "AccessDeniedException", "no")
    with pytest.raises(pricing.exceptions.ClientError):
        refresh(lambda: pricing, file, "us-east-1", [], TODAY)
    assert file.read_bytes() == before
    file.write_text("[]")
    with pytest.raises(MmeError, match="not a price file"):
        refresh(lambda: pytest.fail("called"), file, "us-east-1", [], TODAY)


def test_a_setting_names_the_price_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    monkeypatch.setenv("MME_PRICES", str(file))
    with pytest.raises(MmeError, match=r"own\.json does not exist, and MME_PRICES names it") as refused:
        load_prices(Settings.load(), ())
    assert refused.value.hint == "write it: mme cost refresh-prices; or unset MME_PRICES"
    own = Price(0.1, "eu-west-1", "2026", "x")
    write_file(file, {("ml.m5.large", "eu-west-1"): own})
    assert load_prices(Settings.load(), ()).hourly("ml.m5.large", "eu-west-1") == own
    given = load_prices(Settings.load(), ["ml.m5.large=0.2"]).hourly("ml.m5.large", "eu-west-1")
    assert given is not None
    assert given.usd_per_hour == 0.2


def test_without_a_setting_the_price_file_need_not_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MME_PRICES", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings.load().price_file == tmp_path / "mme" / "prices.json"
    assert load_prices(Settings.load(), ()).hourly("ml.m5.xlarge", "us-east-1") is not None

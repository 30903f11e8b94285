"""Prices: the catalog's, the user's file over them, given ones over both."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.catalog.hosting_types import hosting_types
from mme.catalog.prices import (
    GIVEN,
    Price,
    PriceList,
    parse_given,
    parse_prices,
    read_file,
    write_file,
)
from mme.catalog.records import record
from mme.errors import MmeError

CATALOG = PriceList.over_catalog({})


def test_the_data_file_has_a_date_sources_and_hosting_types_only() -> None:
    content = record("prices")
    assert datetime.date.fromisoformat(content["date"])
    assert all(content["sources"])
    prices = dict(parse_prices(content, "prices.json"))
    assert {type for type, _ in prices} <= set(hosting_types())


def test_a_price_carries_region_date_and_source() -> None:
    price = CATALOG.hourly("ml.g5.xlarge", "us-east-1")
    assert price is not None
    assert (price.usd_per_hour, price.region, price.date, price.assumption) == (
        1.4084,
        "us-east-1",
        "2025",
        "",
    )
    assert "second-hand" in price.origin


def test_the_price_of_another_region_is_an_assumption() -> None:
    price = CATALOG.hourly("ml.g5.xlarge", "eu-west-1")
    assert price is not None
    assert (price.usd_per_hour, price.region) == (1.4084, "us-east-1")
    assert price.assumption == price.origin
    assert "us-east-1" in price.assumption
    assert "eu-west-1" in price.assumption


def test_a_type_without_a_price_has_none() -> None:
    assert CATALOG.hourly("ml.m5.24xlarge", "us-east-1") is None
    with pytest.raises(MmeError, match=r"no price of ml\.m5\.24xlarge") as caught:
        CATALOG.require("ml.m5.24xlarge", "us-east-1")
    assert caught.value.hint is not None
    assert "mme cost refresh-prices ml.m5.24xlarge" in caught.value.hint
    assert "--price ml.m5.24xlarge=USD" in caught.value.hint


def test_an_unknown_type_is_not_a_missing_price() -> None:
    with pytest.raises(MmeError, match="not a SageMaker hosting instance type") as caught:
        CATALOG.require("ml.g5.xlrage", "us-east-1")
    assert "ml.g5.xlarge" in str(caught.value.hint)


def test_given_prices_win_in_every_region() -> None:
    for region in ("us-east-1", "eu-west-1"):
        price = PriceList.over_catalog({}, {"ml.g5.xlarge": 1.41}).hourly("ml.g5.xlarge", region)
        assert price == Price(1.41, region, "", GIVEN)
        assert price.origin == "given"


def test_the_users_prices_win_over_the_catalog() -> None:
    own = Price(1.2, "us-east-1", "2026-11-30", "API")
    found = PriceList.over_catalog({("ml.g5.xlarge", "us-east-1"): own})
    assert found.hourly("ml.g5.xlarge", "us-east-1") == own
    other = found.hourly("ml.m5.xlarge", "us-east-1")
    assert other is not None
    assert other.date == "2025"


def test_without_the_reference_region_another_one_is_assumed() -> None:
    prices = {
        ("ml.r7i.large", region): Price(0.2, region, "2026-11-30", "API") for region in ("eu-a", "eu-b")
    }
    price = PriceList(prices).hourly("ml.r7i.large", "us-east-1")
    assert price is not None
    assert price.region == "eu-a"
    assert price.assumption.startswith("price of eu-a")


GROUP = {"region": "us-east-1", "date": "2026", "source": "x", "usd_per_hour": {"ml.m5.large": 0.1}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", 'no list "prices"'),
        ('{"prices": {}}', 'no list "prices"'),
        ('{"prices": [1]}', r"prices\[0\] is not an object"),
        (json.dumps({"prices": [GROUP | {"region": 1}]}), "has no region"),
        (json.dumps({"prices": [GROUP | {"date": ""}]}), "has no date"),
        (json.dumps({"prices": [GROUP, GROUP | {"usd_per_hour": []}]}), r"prices\[1\] has no object"),
        (json.dumps({"prices": [GROUP | {"usd_per_hour": {"ml.m5.large": "1"}}]}), "not a positive number"),
        (json.dumps({"prices": [GROUP | {"usd_per_hour": {"ml.m5.large": True}}]}), "not a positive number"),
        (json.dumps({"prices": [GROUP | {"usd_per_hour": {"ml.m5.large": math.inf}}]}), "not a positive"),
        (json.dumps({"prices": [GROUP | {"usd_per_hour": {"ml.m5.large": 0}}]}), "not a positive number"),
    ],
)
def test_a_file_of_another_shape_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(content)
    with pytest.raises(MmeError, match=reason) as caught:
        read_file(file)
    assert str(file) in caught.value.message
    assert "refresh-prices" in str(caught.value.hint)


def test_a_folder_is_not_a_price_file(tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="is a directory"):
        read_file(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["ml.g5.xlarge", "ml.g5.xlarge=", "ml.g5.xlarge=-1", "ml.g5.xlarge=nan", "ml.g5.xlarge=inf", "=1", ""],
)
def test_a_given_price_needs_a_type_and_a_positive_number(text: str) -> None:
    with pytest.raises(MmeError) as caught:
        parse_given([text])
    assert caught.value.hint


def test_given_prices_are_read() -> None:
    assert parse_given(["ml.g5.xlarge=1.41", " ml.m5.xlarge = $0.23 "]) == {
        "ml.g5.xlarge": 1.41,
        "ml.m5.xlarge": 0.23,
    }
    with pytest.raises(MmeError, match="not a SageMaker hosting") as caught:
        parse_given(["g5.xlarge=1"])
    assert "ml.g5.xlarge" in str(caught.value.hint)


_names = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=12)
_prices = st.dictionaries(
    st.tuples(_names, _names), st.tuples(st.floats(1e-6, 1e6), _names, _names), max_size=20
)


@given(drawn=_prices)
@settings(max_examples=50)
def test_what_is_written_is_read(drawn: dict[tuple[str, str], Any], tmp_path_factory: Any) -> None:
    file = tmp_path_factory.mktemp("prices") / "new" / "prices.json"
    prices = {
        (type, region): Price(usd, region, date, source)
        for (type, region), (usd, date, source) in drawn.items()
    }
    write_file(file, prices)
    assert read_file(file) == prices
    assert [one.name for one in file.parent.iterdir()] == ["prices.json"]


@given(
    content=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["prices", "region", "date", "source", "usd_per_hour"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(content: Any) -> None:
    try:
        found = dict(parse_prices(content, "x.json"))
    except MmeError as error:
        found = {}
        refusal = error.message
    else:
        refusal = "x.json is not a price file"
    assert refusal.startswith("x.json is not a price file")
    assert all(0 < price.usd_per_hour < math.inf for price in found.values())

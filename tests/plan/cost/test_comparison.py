"""Dedicated endpoints against one multi-model endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.catalog.prices import Price, PriceList
from mme.errors import MmeError
from mme.plan.cost.comparison import Comparison, Range, compare

PRICES = PriceList(
    {
        (type, "us-east-1"): Price(usd, "us-east-1", "2025", "x")
        for type, usd in {"ml.g5.xlarge": 1.41, "ml.m5.xlarge": 0.23}.items()
    }
)


def compared(**changed: Any) -> Comparison:
    arguments: dict[str, Any] = {"models": 10, "instance_type": "ml.g5.xlarge", "region": "us-east-1"}
    return compare(PRICES, **arguments | changed)


def test_ten_dedicated_endpoints_against_one() -> None:
    found = compared()
    assert found.dedicated.usd.text() == "10,152"
    assert found.dedicated.usd_per_hour.text(2) == "14.10"
    assert found.shared.usd.text() == "1,015"
    assert found.shared.saving == pytest.approx(Range(0.9, 0.9))


def test_two_instances_are_compared_with_two_each_and_scaling_is_a_range() -> None:
    found = compared(instances=(2, 4))
    assert found.dedicated_available.usd.text() == "20,304"
    assert found.shared_available.usd.text() == "2,030 to 4,061"
    assert found.shared_available.saving == pytest.approx(Range(0.8, 0.9))


def test_the_multi_model_endpoint_may_have_another_type() -> None:
    found = compared(instance_type="ml.m5.xlarge", shared_type="ml.g5.xlarge", hours=1, models=3)
    assert found.dedicated.usd_per_hour.text(2) == "0.69"
    assert found.shared.price.usd_per_hour == 1.41
    # It may cost more: that is a negative saving.
    assert found.shared.saving is not None
    assert found.shared.saving.least < 0


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"models": 0}, "0 models", "--models"),
        ({"models": -3}, "-3 models", "--models"),
        ({"hours": 0}, "0 hours", "--hours"),
        ({"hours": float("nan")}, "nan hours", "--hours"),
        ({"hours": float("inf")}, "inf hours", "--hours"),
        ({"instances": (0, 2)}, "does not scale to zero", "--min-instances"),
        ({"instances": (3, 2)}, "at most 2 instances", "--max-instances 3"),
        ({"instance_type": "ml.g5.xlrage"}, "not a SageMaker hosting", "ml.g5.xlarge"),
        ({"shared_type": "ml.g5.xlrage"}, "not a SageMaker hosting", "ml.g5.xlarge"),
        ({"shared_type": "ml.g5.12xlarge"}, "has 4 GPUs", "ml.g5.16xlarge"),
        ({"shared_type": "ml.inf2.xlarge"}, "Inferentia2", "ml.g5.xlarge"),
        ({"shared_type": "ml.m5.large"}, r"no price of ml\.m5\.large", "--price"),
    ],
)
def test_what_can_not_be_priced_is_refused(changed: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(MmeError, match=message) as caught:
        compared(**changed)
    assert hint in str(caught.value.hint)


@given(
    models=st.integers(1, 5000), least=st.integers(1, 20), more=st.integers(0, 20), hours=st.floats(1, 9000)
)
def test_bounds_are_in_order_and_savings_follow_from_the_costs(
    models: int, least: int, more: int, hours: float
) -> None:
    found = compared(models=models, instances=(least, least + more), hours=hours)
    for setup in found.setups:
        assert setup.usd.least <= setup.usd.most
    for shared, against in (
        (found.shared, found.dedicated),
        (found.shared_available, found.dedicated_available),
    ):
        assert shared.saving is not None
        assert shared.saving.least <= shared.saving.most < 1
        assert against.usd.least * (1 - shared.saving.most) == pytest.approx(shared.usd.least)


@pytest.mark.parametrize(
    ("amount", "sign", "shown"),
    [
        (Range(0, 0), "+", "0"),
        (Range(1200, 1200), "", "1,200"),
        (Range(-5, 1200), "+", "-5 to +1,200"),
        (Range(0.2, 0.4), "", "0"),
        (Range(-0.2, 0), "+", "0"),
    ],
)
def test_a_range_is_shown_in_whole_dollars(amount: Range, sign: str, shown: str) -> None:
    assert amount.text(sign=sign) == shown

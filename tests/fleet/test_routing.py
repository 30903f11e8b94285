from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.fleet import InstanceView, Placement, VariantView, choose_instance, choose_variant


def view(index: int, *, holds: bool = False, model: int = 0, total: int = 0, free: int = 100) -> InstanceView:
    return InstanceView(index, holds, model, total, free)


def test_a_holder_wins_over_an_emptier_instance() -> None:
    assert choose_instance([view(0, free=100), view(1, holds=True, free=10)]) == 1


@pytest.mark.parametrize(
    ("placement", "index"), [(Placement.MOST_FREE, 3), (Placement.LEAST_BUSY, 2), (Placement.FIRST, 1)]
)
@pytest.mark.parametrize("busy", [8, 0])
def test_where_a_new_model_goes_can_be_set(placement: Placement, index: int, busy: int) -> None:
    holder = [view(0, holds=True, model=busy, total=busy)] if busy else [view(0, total=90, free=0)]
    views = [*holder, view(1, total=5, free=10), view(2, total=1, free=20), view(3, total=9, free=30)]
    chosen = choose_instance(views, placement=placement)
    assert chosen == (0 if placement is Placement.FIRST and not busy else index)


def test_where_all_hold_the_model_the_least_busy_answers() -> None:
    views = [view(0, holds=True, model=9), view(1, holds=True, model=8)]
    assert choose_instance(views) == 1


def test_no_instance_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one instance"):
        choose_instance([])


def test_spill_at_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="spill_at"):
        choose_instance([view(0)], spill_at=0)


def test_an_instance_whose_container_is_down_gets_nothing_while_another_is_up() -> None:
    down = InstanceView(0, holds=True, model_in_flight=0, in_flight=0, free=100, available=False)
    assert choose_instance([down, view(1, free=1)]) == 1
    assert choose_instance([down]) == 0


VIEWS = st.lists(
    st.builds(
        InstanceView,
        st.just(0),
        st.booleans(),
        st.integers(0, 12),
        st.integers(0, 30),
        st.integers(0, 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda views: [
        InstanceView(n, v.holds, v.model_in_flight, v.in_flight, v.free, v.available)
        for n, v in enumerate(views)
    ]
)


@given(VIEWS, st.integers(1, 10))
def test_a_model_gets_another_instance_only_if_all_of_its_own_are_busy(
    views: list[InstanceView], spill_at: int
) -> None:
    chosen = views[choose_instance(views, spill_at=spill_at)]
    up = [view for view in views if view.available] or views
    holders = [view for view in up if view.holds]
    assert chosen in up
    if any(view.model_in_flight < spill_at for view in holders):
        assert chosen.holds
    elif len(holders) < len(up):
        assert not chosen.holds


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 200))
def test_variants_get_their_shares(weights: list[int], requests: int) -> None:
    counts: Counter[str] = Counter()
    for _ in range(requests):
        counts[
            choose_variant([VariantView(str(n), weight, counts[str(n)]) for n, weight in enumerate(weights)])
        ] += 1
    total = sum(weights)
    if total == 0:
        assert counts == {"0": requests}
        return
    for n, weight in enumerate(weights):
        assert counts[str(n)] > Fraction(requests * weight, total) - 1
        assert weight or not counts[str(n)]


def test_no_variant_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one variant"):
        choose_variant([])

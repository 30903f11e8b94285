from __future__ import annotations

import pytest

from mme.fleet import InstanceView, choose_instance


def view(index: int, *, holds: bool = False, model: int = 0, total: int = 0, free: int = 100) -> InstanceView:
    return InstanceView(index, holds, model, total, free)


def test_a_holder_wins_over_an_emptier_instance() -> None:
    assert choose_instance([view(0, free=100), view(1, holds=True, free=10)]) == 1


def test_a_busy_model_spills_to_an_instance_that_lacks_it() -> None:
    views = [view(0, holds=True, model=8, total=8), view(1, free=5), view(2, free=50)]
    assert choose_instance(views) == 2


def test_where_all_hold_the_model_the_least_busy_answers() -> None:
    views = [view(0, holds=True, model=9), view(1, holds=True, model=8)]
    assert choose_instance(views) == 1


def test_a_new_model_goes_to_the_emptiest_instance() -> None:
    assert choose_instance([view(0, free=10), view(1, free=90)]) == 1


def test_ties_go_to_the_first() -> None:
    assert choose_instance([view(0), view(1)]) == 0


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

"""What a fault may be, and what it must not be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme_local.faults.fault import MOST_SECONDS, Fault, FaultKind, kind_of

JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())
)
KINDS = st.sampled_from([kind.value for kind in FaultKind]) | JSON


def test_each_kind_says_what_it_is() -> None:
    assert len({kind.says for kind in FaultKind}) == len(FaultKind) == 7


def test_the_words_become_a_fault() -> None:
    fault = Fault.checked("s3-slow", "a_v0.tar.gz", 2, 3)
    assert fault == Fault(FaultKind.S3_SLOW, "a_v0.tar.gz", 2.0, 3)
    assert fault.words == "s3-slow for a_v0.tar.gz of 2 s 3 times"
    assert fault.concerns("a_v0.tar.gz")
    assert not fault.concerns("b_v0.tar.gz")
    assert Fault.checked("disk-full").words == "disk-full"
    assert Fault.checked("triton-dies").words == "triton-dies once"
    assert Fault.checked("disk-full").concerns("b_v0.tar.gz")


def test_triton_dies_once_unless_more_is_said() -> None:
    assert Fault.checked("triton-dies").times == 1
    assert Fault.checked("triton-dies", times=3).times == 3


def test_not_ready_takes_seconds_or_times() -> None:
    assert Fault.checked("not-ready", seconds=0.5).times is None
    assert Fault.checked("not-ready", times=2).seconds is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"kind": "s3"}, "'s3' is no fault.*there are: s3-slow, s3-failing, load-507"),
        ({"kind": None}, "None is no fault"),
        ({"kind": "load-507", "model": ""}, "model '' is no target model"),
        ({"kind": "load-507", "model": 7}, "model 7 is no target model"),
        ({"kind": "load-507", "seconds": 1}, "load-507 takes no seconds.*s3-slow and not-ready do"),
        ({"kind": "s3-slow"}, "s3-slow needs seconds"),
        ({"kind": "s3-slow", "times": 1}, "s3-slow needs seconds"),
        ({"kind": "not-ready"}, "not-ready needs seconds.*or how many times"),
        ({"kind": "s3-slow", "seconds": 0}, "seconds 0 can't be"),
        ({"kind": "s3-slow", "seconds": -1}, "seconds -1 can't be"),
        ({"kind": "s3-slow", "seconds": math.nan}, "seconds nan can't be"),
        ({"kind": "s3-slow", "seconds": math.inf}, "seconds inf can't be.*at most 3600"),
        ({"kind": "s3-slow", "seconds": "5"}, "seconds '5' can't be"),
        ({"kind": "s3-slow", "seconds": True}, "seconds True can't be"),
        ({"kind": "disk-full", "times": 0}, "times 0 can't be"),
        ({"kind": "disk-full", "times": 1.5}, "times 1.5 can't be"),
        ({"kind": "disk-full", "times": True}, "times True can't be"),
    ],
)
def test_what_can_not_be_is_told_with_what_can(words: dict[str, object], says: str) -> None:
    with pytest.raises(MmeError, match=rf"(?s){says}"):
        Fault.checked(**words)


@given(KINDS, JSON, JSON, JSON)
def test_any_words_are_a_fault_or_an_error(
    kind: object, model: object, seconds: object, times: object
) -> None:
    try:
        fault = Fault.checked(kind, model, seconds, times)
    except MmeError:
        return
    assert fault.seconds is None or 0 < fault.seconds <= MOST_SECONDS
    assert fault.times is None or fault.times >= 1
    assert Fault.checked(**fault.as_json()) == fault


def test_a_kind_is_known_by_its_name() -> None:
    assert [kind_of(kind.value) for kind in FaultKind] == list(FaultKind)

"""Valid and invalid faults."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme_local.faults.fault import MAX_SECONDS, FaultType, InjectedFault

JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())
)
KINDS = st.sampled_from([kind.value for kind in FaultType]) | JSON


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "s3"}, "unknown fault 's3'.*the faults are s3-slow, s3-failing, load-507"),
        ({"kind": None}, "unknown fault None"),
        ({}, "kind .* is not valid: field required"),
        (["load-507"], "valid dictionary"),
        ({"kind": "load-507", "port": 1}, "port 1 is not valid: extra inputs are not permitted"),
        ({"kind": "load-507", "model": ""}, "model '' is not valid"),
        ({"kind": "load-507", "model": 7}, "model 7 is not valid"),
        ({"kind": "load-507", "seconds": 1}, "load-507 takes no seconds; s3-slow and not-ready do"),
        ({"kind": "s3-slow"}, "s3-slow needs seconds"),
        ({"kind": "s3-slow", "times": 1}, "s3-slow needs seconds"),
        ({"kind": "not-ready"}, "not-ready needs seconds or times"),
        ({"kind": "s3-slow", "seconds": 0}, "seconds 0 is not valid: it must be greater than 0"),
        ({"kind": "s3-slow", "seconds": math.nan}, "seconds nan is not valid"),
        ({"kind": "s3-slow", "seconds": 3601}, "seconds 3601 is not valid.*less than or equal to 3600"),
        ({"kind": "s3-slow", "seconds": "5"}, "seconds '5' is not valid"),
        ({"kind": "s3-slow", "seconds": True}, "seconds True is not valid"),
        ({"kind": "disk-full", "times": 0}, "times 0 is not valid"),
        ({"kind": "disk-full", "times": 1.5}, "times 1.5 is not valid"),
        ({"kind": "disk-full", "times": True}, "times True is not valid"),
    ],
)
def test_invalid_values_are_refused(values: object, message: str) -> None:
    with pytest.raises(MmeError, match=rf"(?s){message}"):
        InjectedFault.checked(values)


@given(KINDS, JSON, JSON, JSON)
def test_any_values_are_a_fault_or_an_error(
    kind: object, model: object, seconds: object, times: object
) -> None:
    try:
        fault = InjectedFault.checked({"kind": kind, "model": model, "seconds": seconds, "times": times})
    except MmeError:
        return
    assert fault.seconds is None or 0 < fault.seconds <= MAX_SECONDS
    assert fault.times is None or fault.times >= 1
    assert InjectedFault.checked(fault.as_json()) == fault

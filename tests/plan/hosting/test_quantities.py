"""Sizes and durations as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.plan.hosting.quantities import parse_seconds, parse_size, seconds_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500", 500),
        ("25MB", 25_000_000),
        ("25 mb", 25_000_000),
        ("1.5GB", 1_500_000_000),
        ("6GiB", 6 * 1024**3),
        ("1KiB", 1024),
        ("2 TB", 2 * 10**12),
        ("7B", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("90s", 90), ("15m", 900), ("15 min", 900), ("1h", 3600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "MB", "-1MB", "0", "1 2", "1e9", "25 XB", "9" * 30, "٣MB", "1.MB", "nan"]
)
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(MmeError, match="is not a size") as caught:
        parse_size(text)
    assert "25MB" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "0s", "1d", "1h30m"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(MmeError, match="is not a duration"):
        parse_seconds(text)


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (parse_size, parse_seconds):
        try:
            value = parse(text)
        except MmeError:
            continue
        assert 0 < value < math.inf


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "200 ms"), (90, "90 s"), (900, "15 min"), (3601, "3601 s")]
)
def test_a_duration_is_shown_as_people_write_it(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text

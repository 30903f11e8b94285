"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.observe.page import messages as words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, words.NOTHING),
        (0.0004, "400 µs"),
        (0.0042, "4.2 ms"),
        (0.25, "250 ms"),
        (2.5, "2.50 s"),
        (75, "75 s"),
    ],
)
def test_seconds(value: float | None, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, words.NOTHING),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 8, "12.5 %"),
        (9999, 10000, "99.9 %"),
        (1, 9999, "0.1 %"),
    ],
)
def test_a_share_that_is_not_all_never_says_100(part: float, whole: float, said: str) -> None:
    assert words.share(part, whole) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(12, "12 B"), (1536, "1.5 KiB"), (300 * 2**20, "300 MiB"), (2**31, "2.0 GiB"), (2**41, "2048.0 GiB")],
)
def test_size(number: float, said: str) -> None:
    assert words.size(number) == said


@given(st.text())
def test_text_holds_no_markup(value: str) -> None:
    assert not set("<>\"'") & set(words.text(value))

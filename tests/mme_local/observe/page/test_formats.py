"""Numbers as the page shows them."""

from __future__ import annotations

import pytest

from mme_local.observe.page import formats


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, formats.NOTHING),
        (0.0004, "0.40 ms"),
        (0.0009999, "1.0 ms"),
        (0.0042, "4.2 ms"),
        (0.09996, "100 ms"),
        (0.25, "250 ms"),
        (0.9996, "1.00 s"),
        (2.5, "2.50 s"),
        (75, "75 s"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert formats.seconds(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, formats.NOTHING),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 8, "12.5 %"),
        (9999, 10000, "99.9 %"),
        (1, 9999, "0.1 %"),
    ],
)
def test_a_share_below_one_is_never_100_percent(part: float, whole: float, shown: str) -> None:
    assert formats.share(part, whole) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(12, "12 B"), (1536, "1.5 KiB"), (300 * 2**20, "300 MiB"), (2**31, "2.0 GiB"), (2**41, "2048.0 GiB")],
)
def test_size(number: float, shown: str) -> None:
    assert formats.size(number) == shown

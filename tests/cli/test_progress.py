"""Messages while models are published."""

from __future__ import annotations

import pytest

from mme.cli.progress import publishing

SAID = "retrying S3 said SlowDown: trying again in a moment"


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, []),
        (1, [SAID]),
        (
            5,
            [
                SAID,
                SAID,
                f"{SAID}; more of it is counted, not told",
                "retried 5 requests in all, with success",
            ],
        ),
    ],
)
def test_throttling_is_reported_a_limited_number_of_times(
    capsys: pytest.CaptureFixture[str], count: int, told: list[str]
) -> None:
    with publishing(1, 100) as listener:
        for _ in range(count):
            listener.retried("SlowDown")
        listener.advanced("model", 100, 100)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()) == ("", told)

"""Compare a load test with what a plan predicts for the same requests."""

from __future__ import annotations

from dataclasses import dataclass

from mme.plan.load_test.measurement import Measurement
from mme.plan.prediction.replay import Replayed


@dataclass(frozen=True)
class Compared:
    """One figure.

    Attributes:
        name: What it is, with its unit.
        predicted: By a replay of the same requests.
        measured: By the load test; nan if there is nothing to measure.
    """

    name: str
    predicted: float
    measured: float


def compare(measured: Measurement, predicted: Replayed) -> list[Compared]:
    """Return the figures of both.

    A request that waits for a load in progress is cold in both.

    Args:
        measured: Result of the load test.
        predicted: Replay of its requests.
    """
    answered = max(1, int(measured.answered.sum()))
    warm_share = float(measured.warm.sum()) / answered
    return [
        Compared("warm requests, %", predicted.hits * 100, warm_share * 100),
        *(
            Compared(
                f"p{share}, ms", predicted.percentile_ms(share / 100), measured.percentile_ms(share / 100)
            )
            for share in (50, 95, 99)
        ),
    ]

"""The customers of the `churn_xgboost` model: synthetic, drawn with a fixed seed. They describe no one.

A customer leaves with a probability that `leaving` states, so that the best possible accuracy is known too.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

COLUMNS: Final = (
    "months",
    "monthly_usd",
    "support_calls",
    "late_payments",
    "hours_per_week",
    "contract_months",
)
SEED: Final = 7
HELD_OUT: Final = 1000
_CUSTOMERS: Final = 5000


def split() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Draw the customers, the same each time.

    Returns:
        Training rows, FP64 of shape [4000, 6] in the order of `COLUMNS`; held-out rows [1000, 6]; training
        labels, 1 for a customer who left; held-out labels.
    """
    generator = np.random.default_rng(SEED)
    rows = np.column_stack(
        (
            generator.integers(1, 73, _CUSTOMERS),
            generator.gamma(6, 9, _CUSTOMERS).round(2) + 10,
            generator.poisson(1.2, _CUSTOMERS),
            generator.poisson(0.4, _CUSTOMERS),
            generator.gamma(2, 4, _CUSTOMERS).round(1),
            generator.choice((1, 12, 24), _CUSTOMERS, p=(0.5, 0.3, 0.2)),
        )
    ).astype(np.float64)
    left = (generator.random(_CUSTOMERS) < leaving(rows)).astype(np.int64)
    return rows[HELD_OUT:], rows[:HELD_OUT], left[HELD_OUT:], left[:HELD_OUT]


def leaving(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probability with which each customer leaves: rows of shape [n, 6], result [n]."""
    months, monthly_usd, support_calls, late_payments, hours, contract = rows.T
    score = 0.05 * (monthly_usd - 55) + 1.1 * (support_calls - 1) + 1.6 * late_payments
    score -= 0.06 * (months - 18) + 0.25 * (hours - 5) + 0.12 * (contract - 6)
    return 1 / (1 + np.exp(-score))

"""Boosters, programs and archives for the Multi Model Server's tests."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np

from tests.archives.archive_builder import pack

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.0-5"
SCIKIT_LEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.4-2"
OWN = "111122223333.dkr.ecr.us-east-1.amazonaws.com/churn-scorer:7"

ROWS: Any = np.random.default_rng(0).normal(size=(200, 4))
"""(200, 4)"""


def csv(rows: Any) -> str:
    """Rows as text/csv."""
    return "\n".join(",".join(str(cell) for cell in row) for row in rows)


@cache
def booster(column: int = 0) -> Any:
    """A booster that has learned the sign of a column."""
    import xgboost

    labels = (ROWS[:, column] > 0).astype(int)
    parameters = {"objective": "binary:logistic", "nthread": 1, "max_depth": 2}
    return xgboost.train(parameters, xgboost.DMatrix(ROWS, labels), 5)


def predictions(rows: Any, column: int = 0) -> list[float]:
    """XGBoost's own predictions."""
    import xgboost

    return [float(one) for one in booster(column).predict(xgboost.DMatrix(rows))]


def booster_files(kind: str = "ubj", column: int = 0) -> dict[str, str | bytes]:
    """The files of an archive with a booster: ``ubj``, ``json`` or ``pickle``."""
    if kind == "pickle":
        return {"xgboost-model": pickle.dumps(booster(column))}
    return {"xgboost-model": bytes(booster(column).save_raw(kind))}


def source_archive(program: str, name: str = "inference.py") -> bytes:
    """A sourcedir.tar.gz with one program."""
    return pack({name: program})

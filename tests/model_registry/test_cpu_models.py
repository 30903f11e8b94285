"""The committed XGBoost and scikit-learn models match what their README states, on held-out rows."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from mme.archives.explain import explain
from model_registry import churn_data

ROOT = Path(__file__).parents[2] / "model_registry"


def test_churn_is_nearly_as_accurate_as_possible() -> None:
    xgboost = pytest.importorskip("xgboost")
    _, rows, _, labels = churn_data.split()
    booster = xgboost.Booster(model_file=ROOT / "churn_xgboost" / "xgboost-model.ubj")
    accuracy = ((booster.predict(xgboost.DMatrix(rows)) > 0.5) == labels).mean()
    best = ((churn_data.leaving(rows) > 0.5) == labels).mean()
    assert 0.83 < accuracy <= best
    assert best == pytest.approx(0.846, abs=0.001)


def test_wines_are_told_apart() -> None:
    joblib = pytest.importorskip("joblib")
    from model_registry.build_wine_sklearn import split

    _, rows, _, labels = split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn may be newer than the file
        model = joblib.load(ROOT / "wine_sklearn" / "model.joblib")
    assert model.predict_proba(rows).shape == (45, 3)
    assert (model.predict(rows) == labels).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "framework", "columns"), [("churn_xgboost", "xgboost", 6), ("wine_sklearn", "scikit-learn", 13)]
)
def test_archives_are_small_and_requests_fit(name: str, framework: str, columns: int) -> None:
    found = explain(ROOT / name)
    assert (found.framework, found.servable, found.files) == (framework, True, 1)
    assert not found.warnings
    assert found.unpacked_bytes < 100_000
    if found.model_files:
        assert f", {columns} features, " in found.model_files["xgboost-model.ubj"]
    assert np.loadtxt(ROOT / name / "request.csv", delimiter=",").shape == (2, columns)

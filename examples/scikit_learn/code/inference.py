"""The program of the container: loads each model and answers for it."""

from pathlib import Path

import joblib


def model_fn(model_dir: str):
    """Load one model: `model.joblib` in its archive."""
    return joblib.load(Path(model_dir) / "model.joblib")


def predict_fn(rows, model):
    """Return the probability of each row's second class."""
    return model.predict_proba(rows)[:, 1]

"""The program of the container: loads each model and answers for it."""

import io
from pathlib import Path

import joblib
import numpy as np


def model_fn(model_dir: str):
    """Load one model: `model.joblib` in its archive."""
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body: str, content_type: str):
    """Read CSV rows as numbers.

    The container's default makes one row a vector, and fails if only some columns are whole numbers.
    """
    if content_type != "text/csv":
        raise ValueError(f"{content_type} is not text/csv")
    return np.loadtxt(io.StringIO(body), delimiter=",", ndmin=2)


def predict_fn(rows, model):
    """Return the probability of each class for each row."""
    return model.predict_proba(rows)

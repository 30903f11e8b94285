"""Build wine_sklearn/model.joblib: `python model_registry/build_wine_sklearn.py`.

It needs scikit-learn (in requirements-dev.txt). The pickle is read by about the version of scikit-learn that
wrote it: run this with the version of the image that is to serve it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = Path(__file__).parent / "wine_sklearn" / "model.joblib"
SEED = 7


def split() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split scikit-learn's copy of the wine data, the same way each time.

    Returns:
        Training rows, FP64 of shape [133, 13]; held-out rows [45, 13]; training labels, 0 to 2; held-out
        labels.
    """
    wine = load_wine()
    parts = train_test_split(wine.data, wine.target, test_size=0.25, random_state=SEED, stratify=wine.target)
    return parts[0], parts[1], parts[2], parts[3]


def main() -> None:
    """Train on the three quarters that are not held out; write the model and an example request."""
    rows, held_out_rows, labels, held_out_labels = split()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    accuracy = model.score(held_out_rows, held_out_labels)
    print(f"accuracy on {len(held_out_labels)} held-out wines: {accuracy:.3f}")
    TARGET.parent.mkdir(exist_ok=True)
    joblib.dump(model, TARGET)
    request = "".join(",".join(f"{value:g}" for value in row) + "\n" for row in held_out_rows[:2])
    TARGET.with_name("request.csv").write_text(request, "utf-8")
    print(f"wrote {TARGET} ({TARGET.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()

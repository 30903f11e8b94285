"""Build churn_xgboost/: `python model_registry/build_churn_xgboost.py`.

It needs XGBoost (in requirements-dev.txt). Data, seed and number of threads are fixed, so a second run with
one version of XGBoost gives the same file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import xgboost

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

import churn_data  # noqa: E402  (a script's folder is not on every caller's path)

TREES = 60
PARAMETERS = {
    "objective": "binary:logistic",
    "max_depth": 3,
    "eta": 0.2,
    "nthread": 1,
    "seed": churn_data.SEED,
}


def main() -> None:
    """Train on the customers that are not held out; write the model and an example request."""
    rows, held_out_rows, labels, held_out_labels = churn_data.split()
    booster = xgboost.train(PARAMETERS, xgboost.DMatrix(rows, labels), TREES)
    predicted = booster.predict(xgboost.DMatrix(held_out_rows)) > 0.5
    best = ((churn_data.leaving(held_out_rows) > 0.5) == held_out_labels).mean()
    accuracy = (predicted == held_out_labels).mean()
    print(f"accuracy on {len(held_out_labels)} held-out customers: {accuracy:.3f}, at best {best:.3f}")
    target = ROOT / "churn_xgboost" / "xgboost-model.ubj"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(booster.save_raw("ubj"))
    request = "".join(",".join(f"{value:g}" for value in row) + "\n" for row in held_out_rows[:2])
    (target.parent / "request.csv").write_text(request, "utf-8")
    print(f"wrote {target} ({target.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()

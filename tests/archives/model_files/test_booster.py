"""What boosters say of themselves, against the packages that saved them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.model_files.booster import read_lightgbm, read_xgboost
from mme.archives.model_files.content_stream import FileStream
from mme.archives.model_files.wire import WireError

ROWS = np.random.default_rng(0).random((60, 5), np.float32)
LABELS = {1: np.arange(60) % 2, 3: np.arange(60) % 3}


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("trees", [2, 200])
def test_xgboost(tmp_path: Path, ending: str, classes: int, trees: int) -> None:
    model = xgboost.XGBClassifier(n_estimators=trees, n_jobs=1).fit(ROWS, LABELS[classes])
    path = tmp_path / f"model.{ending}"
    model.save_model(path)
    content = path.read_bytes()
    found = read_xgboost(FileStream.of(content), len(content))
    assert (found.features, found.classes, found.version) == (5, classes, xgboost.__version__)
    assert found.objective == ("binary:logistic" if classes == 1 else "multi:softprob")
    with pytest.raises(WireError):
        read_xgboost(FileStream.of(content[:-40]), len(content) - 40)


@pytest.mark.parametrize("classes", [1, 3])
def test_lightgbm(lightgbm: Any, tmp_path: Path, classes: int) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(ROWS, LABELS[classes])
    path = tmp_path / "model.txt"
    model.booster_.save_model(path)
    content = path.read_bytes()
    found = read_lightgbm(FileStream.of(content), len(content))
    assert (found.features, found.classes) == (5, classes)
    assert found.objective == ("binary" if classes == 1 else "multiclass")


@given(st.binary(max_size=400) | st.binary(max_size=100).map(lambda tail: b'{"learner":{' + tail))
def test_noise_is_refused(content: bytes) -> None:
    for read in (read_xgboost, read_lightgbm):
        with pytest.raises(WireError):
            read(FileStream.of(content), len(content))

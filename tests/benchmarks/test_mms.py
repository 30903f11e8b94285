"""The benchmark of the Multi Model Server, with a few models."""

from __future__ import annotations

import pytest

from benchmarks.mms import many_models
from mme_local.containers.triton.wheel import why_not_here


@pytest.mark.nightly
@pytest.mark.triton
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_models_that_take_turns_in_memory_answer_as_xgboost_does() -> None:
    found = many_models(6, 2)
    # Each once, then the last two, which are still in memory, and the first two.
    counts = {name: found[name] for name in ("requests", "right answers", "wrong answers", "loads")}
    assert counts == {"requests": 10, "right answers": 10, "wrong answers": 0, "loads": 8}
    assert found["evictions"] == 6
    assert found["models in memory at most"] == 2

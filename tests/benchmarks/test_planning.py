"""The benchmarks of planning run, in small."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import planning
from benchmarks.scaling import estimated, fewest, some_models
from mme.catalog.instances import instance_types
from mme.catalog.prices import PriceList
from mme.plan.prediction.mix_traffic import MixTraffic
from mme.plan.traffic.mix import Mix


def test_hit_ratios_are_those_of_a_plain_cache(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It ends with an error if numba, numpy and the plain cache differ.
    monkeypatch.setattr(sys, "argv", ["planning", "--requests", "20000", "--models", "200", "--json"])
    planning.main()
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert any(row[""].startswith("grid of 320 configurations") for row in rows)


def test_one_instance_less_would_not_do() -> None:
    traffic = MixTraffic(Mix(10.0, 1.0), some_models(2000))
    kind, prices = instance_types()["ml.m5.xlarge"], PriceList.over_catalog({})
    found = fewest(traffic, kind, prices)
    assert found is not None
    assert found.count > 1
    assert found.hit_ratio >= 0.95
    assert estimated(traffic, kind, found.count - 1, prices).hit_ratio < 0.95

"""The random models that explain and Triton are compared on."""

from __future__ import annotations

from benchmarks.generated_models import generated
from mme.archives.triton.config import TritonConfig, parse_config

COUNT = 300


def test_a_seed_decides_the_models() -> None:
    first, again = list(generated(COUNT, 5)), list(generated(COUNT, 5))
    assert [one.files for one in first] == [one.files for one in again]
    assert [one.config for one in first] != [one.config for one in generated(COUNT, 6)]


def test_most_are_configurations_and_every_change_occurs() -> None:
    made = list(generated(COUNT, 5))
    assert {one.kind for one in made} == {"python", "onnx"}
    parsed = [isinstance(parse_config(one.config.encode()), TritonConfig) for one in made]
    assert COUNT / 2 < sum(parsed) < COUNT
    changes = {change for one in made for change in one.changes}
    assert {
        "other_dims",
        "reshaped",
        "warmup",
        "groups",
        "sequence",
        "broken_code",
        "broken_model",
    } <= changes


def test_models_without_a_change_are_valid() -> None:
    for one in generated(COUNT, 5):
        if not one.changes:
            assert isinstance(parse_config(one.config.encode()), TritonConfig)
            assert one.complete

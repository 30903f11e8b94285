"""Many models at once: all in order, or stopped without remnants."""

from __future__ import annotations

import hashlib

import pytest

from mme.archives import ArchiveError
from mme.registry import find_models, publish_all


class Heard:
    def __init__(self) -> None:
        self.progress: dict[str, tuple[int, int]] = {}
        self.outcomes: list[str] = []

    def advanced(self, model: str, done: int, total: int) -> None:
        self.progress[model] = (done, total)

    def finished(self, outcome) -> None:
        self.outcomes.append(outcome.target_model)

    def retried(self, reason: str) -> None:
        raise AssertionError(reason)


def test_outcomes_come_in_order(store, make_directory) -> None:
    paths = [make_directory(f"m{number}", content=f"{number}") for number in range(9)]
    heard = Heard()
    outcomes = publish_all(store, find_models(paths).models, heard)
    expected = [f"m{number}_v0.tar.gz" for number in range(9)]
    assert [outcome.target_model for outcome in outcomes] == expected
    assert sorted(heard.outcomes) == expected
    assert all(done == total > 0 for done, total in heard.progress.values())


def test_first_failure_stops_the_rest_without_remnants(store, s3, make_directory) -> None:
    noise = hashlib.shake_256(b"x").digest(20 * 1024 * 1024)
    models = find_models(
        [make_directory("bad"), *(make_directory(f"big{n}", content=noise) for n in range(2))]
    ).models
    (models[0].directory.root / "1" / "model.py").write_text("changed since")
    with pytest.raises(ArchiveError, match="changed while it was packed"):
        publish_all(store, models)
    assert s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []
    for item in s3.list_objects_v2(Bucket="models").get("Contents", []):
        # Whoever was quick enough is there whole.
        assert s3.head_object(Bucket="models", Key=item["Key"])["Metadata"]["mme-digest"]


def test_no_models(store) -> None:
    assert publish_all(store, []) == []

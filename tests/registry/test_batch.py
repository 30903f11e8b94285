"""Many models at once: all in order, or stopped without remnants."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from mme.archives.errors import ArchiveError
from mme.archives.packing import tar_size
from mme.registry import Published, batch, find_models, publish_all
from mme.registry.publication import Publication


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


def test_memory_is_bounded_whatever_the_number(
    store, make_directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen threads, but only as many models at a time as the budget holds: here two."""
    models = find_models([make_directory(f"m{number}", content=f"{number}") for number in range(12)]).models
    monkeypatch.setattr(batch, "MEMORY_BYTES", 4 * tar_size(models[0].directory))
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Event()
    real = Publication.run

    def run(self: Publication) -> Published:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 2:
                both.set()
        both.wait(30)
        try:
            return real(self)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(Publication, "run", run)
    assert len(publish_all(store, models)) == 12
    assert most == 2


def test_one_larger_than_the_budget_goes_alone(
    store, make_directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MEMORY_BYTES", 100)
    models = find_models([make_directory(f"m{number}", content=f"{number}") for number in range(3)]).models
    assert all(outcome.created for outcome in publish_all(store, models))


@pytest.mark.parametrize("size", [1000, 20 * 1024 * 1024])
def test_file_removed_while_it_is_published(store, s3, make_directory, size: int) -> None:
    model = make_directory()
    (model / "1" / "a.bin").write_bytes(os.urandom(size))
    last = model / "1" / "z.bin"
    last.write_bytes(b"z")

    class Removing(Heard):
        def advanced(self, name: str, done: int, total: int) -> None:
            # Of a large one when it is read for the second time, and parts of it were sent.
            if size == 1000 or done > total * 3 // 4:
                last.unlink(missing_ok=True)

    with pytest.raises(ArchiveError, match=r"1/z\.bin changed while it was packed: no such file"):
        publish_all(store, find_models([model]).models, Removing())
    assert s3.list_objects_v2(Bucket="models")["KeyCount"] == 0
    assert s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []

"""Many models at once: all in order, or stopped without partial objects."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from mme.archives.errors import ArchiveError
from mme.archives.packing import tar_size
from mme.registry import ModelStore, find_models, publish_all, publishing


class Listener:
    def __init__(self) -> None:
        self.progress: dict[str, tuple[int, int]] = {}
        self.finished_models: list[str] = []
        self.retries: list[str] = []

    def advanced(self, model: str, done: int, total: int) -> None:
        self.progress[model] = (done, total)

    def finished(self, published) -> None:
        self.finished_models.append(published.target_model)

    def retried(self, reason: str) -> None:
        self.retries.append(reason)


def test_results_are_in_order(store, make_directory) -> None:
    paths = [make_directory(f"m{number}", content=f"{number}") for number in range(9)]
    listener = Listener()
    results = publish_all(store, find_models(paths).models, listener)
    expected = [f"m{number}_v0.tar.gz" for number in range(9)]
    assert [one.target_model for one in results] == expected
    assert sorted(listener.finished_models) == expected
    assert all(done == total > 0 for done, total in listener.progress.values())
    assert listener.retries == []


def test_unchanged_models_are_skipped(store, s3, make_directory) -> None:
    paths = [make_directory(f"m{number}") for number in range(8)]
    publish_all(store, find_models(paths).models)
    requests: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: requests.append(model.name))
    again = publish_all(store, find_models(paths).models)
    assert [(one.version, one.created, one.latest) for one in again] == [(0, False, True)] * 8
    # One listing of the models, one of the removed versions, one look at each model's digest.
    assert sorted(requests) == ["HeadObject"] * 8 + ["ListObjectsV2"] * 2


def test_interrupted_publish_is_resumed(store, s3, make_directory) -> None:
    paths = [make_directory(f"m{number}") for number in range(8)]

    class Interrupting(Listener):
        def finished(self, published) -> None:
            super().finished(published)
            if len(self.finished_models) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_all(store, find_models(paths).models, Interrupting())
    present = s3.list_objects_v2(Bucket="models")["KeyCount"]
    assert present >= 3
    results = publish_all(store, find_models(paths).models)
    assert [one.created for one in results].count(False) == present
    assert {one.version for one in results} == {0}


def test_first_failure_stops_the_rest_without_partial_objects(store, s3, make_directory) -> None:
    noise = hashlib.shake_256(b"x").digest(20 * 1024 * 1024)
    models = find_models(
        [make_directory("bad"), *(make_directory(f"big{n}", content=noise) for n in range(2))]
    ).models
    (models[0].directory.root / "1" / "model.py").write_text("changed since")
    with pytest.raises(ArchiveError, match="changed while it was packed"):
        publish_all(store, models)
    assert s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []
    for item in s3.list_objects_v2(Bucket="models").get("Contents", []):
        # A model that was finished before the failure is complete.
        assert s3.head_object(Bucket="models", Key=item["Key"])["Metadata"]["mme-digest"]


def test_no_models(store) -> None:
    assert publish_all(store, []) == []


def test_memory_is_bounded(s3, make_directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads, but only as many models at a time as fit in the budget: here two."""
    models = find_models([make_directory(f"m{number}", content=f"{number}") for number in range(12)]).models
    monkeypatch.setattr(publishing, "MEMORY_BYTES", 4 * tar_size(models[0].directory))
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Event()

    class Counting(ModelStore):
        def put_new(self, *arguments: Any) -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
                if now == 2:
                    both.set()
            both.wait(30)
            try:
                super().put_new(*arguments)
            finally:
                with lock:
                    now -= 1

    assert len(publish_all(Counting(s3, "models", "models/"), models)) == 12
    assert most == 2


@pytest.mark.parametrize("size", [1000, 20 * 1024 * 1024])
def test_file_removed_during_the_publish(store, s3, make_directory, size: int) -> None:
    model = make_directory()
    (model / "1" / "a.bin").write_bytes(os.urandom(size))
    last = model / "1" / "z.bin"
    last.write_bytes(b"z")

    class Removing(Listener):
        def advanced(self, model: str, done: int, total: int) -> None:
            # A large model: during the second read, after some parts were sent.
            if size == 1000 or done > total * 3 // 4:
                last.unlink(missing_ok=True)

    with pytest.raises(ArchiveError, match=r"1/z\.bin changed while it was packed: no such file"):
        publish_all(store, find_models([model]).models, Removing())
    assert s3.list_objects_v2(Bucket="models")["KeyCount"] == 0
    assert s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []


class _Body:
    def stream(self) -> list[bytes]:
        return [b"<Error><Code>SlowDown</Code><Message>less</Message></Error>"]


def test_retries_are_reported_and_a_lost_answer_makes_no_second_version(
    store, s3, make_directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write succeeds and its answer is lost; S3 refuses the retry, and the content is found."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answers = [503]

    def lose(request: Any, **_: object) -> AWSResponse | None:
        # moto has executed the request; the first answer counts.
        return AWSResponse(request.url, answers.pop(), HeadersDict(), _Body()) if answers else None

    s3.meta.events.register_first("before-send.s3.PutObject", lose)
    listener = Listener()
    (published,) = publish_all(store, find_models([make_directory()]).models, listener)
    assert (published.target_model, listener.retries) == ("doubler_v0.tar.gz", ["SlowDown"])
    assert [record.target_model for record in store.listed()] == ["doubler_v0.tar.gz"]

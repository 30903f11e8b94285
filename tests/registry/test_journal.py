"""What was published before is known again, and nothing that changed is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.archives.model_directory import scan_directory
from mme.registry import Journal, find_models, publish_all


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.json", unsure_ns=0)


def again(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.json", unsure_ns=0)


def add(store, paths, journal: Journal):
    return publish_all(store, find_models(paths, journal).models, journal=journal)


def counted(s3) -> list[str]:
    asked: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    return asked


def test_unchanged_models_cost_one_request(store, s3, make_directory, journal, tmp_path: Path) -> None:
    paths = [make_directory(f"m{number}") for number in range(8)]
    add(store, paths, journal)
    asked = counted(s3)
    found = find_models(paths, again(tmp_path)).models
    assert all(one.recalled and one.model is None for one in found)  # neither read nor checked
    outcomes = publish_all(store, found, journal=again(tmp_path))
    assert [(one.version, one.created, one.latest) for one in outcomes] == [(0, False, True)] * 8
    assert asked == ["ListObjectsV2", "ListObjectsV2"]  # the models, and the marks of removed ones


@pytest.mark.parametrize(
    "change",
    [
        lambda m: (m / "1" / "model.py").write_text(
            (m / "1" / "model.py").read_text().replace("v0", "v1")  # of the same length
        ),
        lambda m: (m / "1" / "more.py").write_text("x"),
        lambda m: (m / "1" / "model.py").chmod(0o755),
    ],
)
def test_changed_models_are_read_again(store, make_directory, journal, tmp_path: Path, change) -> None:
    model = make_directory()
    add(store, [model], journal)
    change(model)
    outcome = add(store, [model], again(tmp_path))[0]
    assert (outcome.version, outcome.created) == (1, True)


def test_same_size_and_times_but_another_file(store, make_directory, journal, tmp_path: Path) -> None:
    model = make_directory()
    add(store, [model], journal)
    file = model / "1" / "model.py"
    status = file.stat()
    other = model.parent / "other"
    other.write_text(file.read_text().replace("v0", "v1"))
    other.replace(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert add(store, [model], again(tmp_path))[0].created


def test_what_changed_a_moment_ago_is_not_remembered(store, make_directory, tmp_path: Path) -> None:
    careful = Journal(tmp_path / "journal.json")
    model = make_directory()
    add(store, [model], careful)
    assert Journal(tmp_path / "journal.json").recall(scan_directory(model)) is None


def test_object_that_is_gone_is_published_anew(store, s3, make_directory, journal, tmp_path: Path) -> None:
    model = make_directory()
    add(store, [model], journal)
    s3.delete_object(Bucket="models", Key="models/doubler_v0.tar.gz")
    assert add(store, [model], again(tmp_path))[0].created


def test_object_that_somebody_replaced_is_looked_at(store, s3, make_directory, journal, tmp_path) -> None:
    model = make_directory()
    add(store, [model], journal)
    s3.put_object(Bucket="models", Key="models/doubler_v0.tar.gz", Body=b"other")
    outcome = add(store, [model], again(tmp_path))[0]
    assert (outcome.version, outcome.created) == (1, True)


def test_another_name_is_another_model(store, make_directory, journal, tmp_path: Path) -> None:
    model = make_directory()
    add(store, [model], journal)
    memory = again(tmp_path)
    outcome = publish_all(store, find_models([model], memory).models, name="mine", journal=memory)[0]
    assert (outcome.target_model, outcome.created) == ("mine_v0.tar.gz", True)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 9}', '{"format": 1, "entries": 3, "digests": 4}']
)
def test_damaged_journal_is_none(store, make_directory, tmp_path: Path, content: str) -> None:
    (tmp_path / "journal.json").write_text(content)
    assert add(store, [make_directory()], again(tmp_path))[0].created


def test_journal_with_odd_entries(store, make_directory, journal, tmp_path: Path) -> None:
    model = make_directory()
    add(store, [model], journal)
    path = tmp_path / "journal.json"
    stored = json.loads(path.read_text())
    stored["entries"][str(model)]["places"] = {"x": {"unknown": 1}}
    path.write_text(json.dumps(stored))
    assert again(tmp_path).recall(scan_directory(model)) is None


def test_journal_that_cannot_be_written(store, make_directory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "journal.json", unsure_ns=0)
    assert add(store, [make_directory()], journal)[0].created


def test_interrupted_run_goes_on(store, s3, make_directory, journal, tmp_path, monkeypatch) -> None:
    paths = [make_directory(f"m{number}") for number in range(8)]

    class Interrupting:
        done = 0

        def advanced(self, model: str, done: int, total: int) -> None:
            pass

        def finished(self, outcome) -> None:
            self.done += 1
            if self.done == 3:
                raise KeyboardInterrupt

        def retried(self, reason: str) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        publish_all(store, find_models(paths, journal).models, Interrupting(), journal=journal)
    there = s3.list_objects_v2(Bucket="models")["KeyCount"]
    assert there >= 3
    outcomes = add(store, paths, again(tmp_path))
    assert [one.created for one in outcomes].count(False) == there
    assert {one.version for one in outcomes} == {0}


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_as_a_journal(tmp_path_factory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "journal.json").write_bytes(content)
    (folder / "model").mkdir()
    (folder / "model" / "file").write_text("x")
    assert Journal(folder / "journal.json").recall(scan_directory(folder / "model")) is None

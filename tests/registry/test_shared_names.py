"""Models of one name inside two archives, called by that name, are reported when the second is published."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from mme.archives.check import check_model
from mme.registry import ModelStore, publish_all
from mme.registry.shared_names import shared_names
from tests.archives.archive_builder import CODE, CONFIG, ENSEMBLE, PIPELINE, Files, write_files

SECOND = """
  model_name: "second" model_version: -1
  input_map { key: "X" value: "between" } output_map { key: "Y" value: "Y" }
} ] }"""
CALLING = {
    **PIPELINE,
    "both/config.pbtxt": ENSEMBLE.replace('value: "Y"', 'value: "between"').replace(
        "} ] }", f"}}, {{{SECOND}", 1
    ),
    "second/config.pbtxt": CONFIG,
    "second/1/model.py": CODE.replace(
        "inputs = [", 'pb_utils.InferenceRequest(model_name="first", inputs=[]).exec()\n        inputs = ['
    ),
}
"""Two steps, of which the second calls the first by its name."""


def add(store: ModelStore, folder: Path, files: Files) -> list[str]:
    """Publish a directory of these files; return the warnings."""
    model = check_model(write_files(folder, files))
    return shared_names(store, [model], publish_all(store, [model]))


@pytest.mark.parametrize(("first", "second"), [(CALLING, PIPELINE), (PIPELINE, CALLING), (CALLING, CALLING)])
def test_a_name_that_code_calls_is_reported(store, tmp_path: Path, first: Files, second: Files) -> None:
    assert add(store, tmp_path / "one", first) == []
    (warning,) = add(store, tmp_path / "two", second)
    assert warning.startswith("two_v0.tar.gz and one_v0.tar.gz have a model first inside")


def test_ensembles_that_call_nothing_keep_apart(store, tmp_path: Path) -> None:
    assert add(store, tmp_path / "one", PIPELINE) == add(store, tmp_path / "two", PIPELINE) == []


def test_versions_of_one_model_share_their_names(store, tmp_path: Path) -> None:
    add(store, tmp_path / "one", CALLING)
    assert add(store, tmp_path / "again" / "one", CALLING) == []  # unchanged, and so the same archive
    assert len(add(store, tmp_path / "newer" / "one", {**CALLING, "first/1/weights": "w"})) == 1


def test_a_store_that_can_not_be_read_is_reported(
    store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: object) -> list[object]:
        with store.explained():
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "HeadObject")

    listed = store.listed
    monkeypatch.setattr(store, "with_metadata", denied)
    (warning,) = add(store, tmp_path / "one", CALLING)
    assert warning.startswith("names of models inside were not compared; ")
    monkeypatch.setattr(store, "listed", lambda start="", **most: None if most else listed(start))
    assert "has over 2,000 archives" in add(store, tmp_path / "two", CALLING)[0]

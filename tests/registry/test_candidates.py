"""One model, a registry of many, and directories that are skipped or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mme.archives.errors import ArchiveError
from mme.errors import MmeError
from mme.registry import find_models, publish_all
from mme.registry.verification import verify


def found(*paths: Path | str) -> list[str]:
    return [model.directory.name for model in find_models(paths).models]


def test_one_model(make_directory) -> None:
    assert found(make_directory()) == ["doubler"]


def test_registry_with_other_files(make_directory) -> None:
    root = make_directory("a").parent
    make_directory("b")
    (root / "README.md").write_text("hello")
    (root / "__pycache__").mkdir()
    (root / ".git").mkdir()
    (root / "docs").mkdir()
    (root / "docs" / "page.md").write_text("x")
    candidates = find_models([f"{root}/"])
    assert [model.directory.name for model in candidates.models] == ["a", "b"]
    assert [(skipped.name, skipped.reason) for skipped in candidates.skipped] == [
        ("docs", "not a model: no config.pbtxt")
    ]


def unbuilt(root: Path) -> Path:
    (root / "net-pt").mkdir()
    (root / "net-pt" / "config.pbtxt").write_text('platform: "pytorch_libtorch"')
    return root / "net-pt"


def test_unbuilt_model_is_skipped_in_a_registry(make_directory) -> None:
    root = make_directory("a").parent
    unbuilt(root)
    script = root / "build_net_pt.py"
    script.write_text("")
    candidates = find_models([root])
    assert [model.directory.name for model in candidates.models] == ["a"]
    assert candidates.skipped[0].reason == f"model.pt is not built; optional: run python {script}"


def test_model_without_its_file_and_without_a_script_is_an_error(make_directory) -> None:
    root = make_directory("a").parent
    unbuilt(root)
    with pytest.raises(ArchiveError, match=r"1/model\.pt"):
        find_models([root])


def test_one_model_named_twice_is_one(make_directory, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_directory("a")
    make_directory("b")
    monkeypatch.chdir(model)
    assert found(model, f"{model}/", "../a", model.parent) == ["a", "b"]


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "y" * 250])
def test_a_path_that_is_too_long_is_not_found(path: str) -> None:
    with pytest.raises(ArchiveError, match="no such directory"):
        find_models([path])


def test_empty_path() -> None:
    with pytest.raises(MmeError, match="the path '' is empty"):
        find_models([""])


def test_unbuilt_model_asked_for_by_name_is_an_error(make_directory) -> None:
    root = make_directory("a").parent
    model = unbuilt(root)
    with pytest.raises(ArchiveError, match=r"1/model\.pt") as caught:
        find_models([model])
    assert "put the model's file at" in str(caught.value.hint)
    (root / "build_net_pt.py").write_text("")
    with pytest.raises(ArchiveError) as caught:
        find_models([model])
    assert caught.value.hint == f"run: python {root / 'build_net_pt.py'}"


def test_any_other_fault_refuses_the_whole_registry(make_directory) -> None:
    root = make_directory("a").parent
    (make_directory("b") / "config.pbtxt").write_text("nonsense!")
    (make_directory("c") / "config.pbtxt").unlink()
    with pytest.raises(MmeError) as caught:
        find_models([root])
    assert caught.value.message == "2 models can't be published, so none was"
    assert "config.pbtxt is not a Triton model configuration" in str(caught.value)
    assert "config.pbtxt is missing" in str(caught.value)


def test_a_registry_may_hold_one_model(make_directory) -> None:
    assert found(make_directory().parent) == ["doubler"]


def test_a_model_of_another_container_is_skipped_in_a_registry(make_directory) -> None:
    root = make_directory("a").parent
    (root / "forest").mkdir()
    (root / "forest" / "xgboost-model").write_bytes(b"x")
    candidates = find_models([root])
    assert [model.directory.name for model in candidates.models] == ["a"]
    assert candidates.skipped[0].reason == "not for Triton but for xgboost: publish it by its own path"
    assert found(root / "forest") == ["forest"]


def test_two_models_of_one_name(make_directory) -> None:
    first, second = make_directory("x", under="r1"), make_directory("x", under="r2")
    with pytest.raises(MmeError, match="two models are called x"):
        find_models([first, second])


def test_invalid_name(make_directory) -> None:
    with pytest.raises(MmeError, match="'my model' can't be"):
        find_models([make_directory("my model")])


ENSEMBLE = """
platform: "ensemble"
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
ensemble_scheduling { step [
  { model_name: "first" model_version: -1
    input_map { key: "X" value: "X" } output_map { key: "Y" value: "between" } },
  { model_name: "second" model_version: -1
    input_map { key: "X" value: "between" } output_map { key: "Y" value: "Y" } } ] }
"""


@pytest.fixture
def pipeline(make_directory) -> Path:
    """An ensemble's own directory: the ensemble and its two steps."""
    root = make_directory("first", under="pipeline").parent
    make_directory("second", under="pipeline")
    (root / "both" / "1").mkdir(parents=True)
    (root / "both" / "config.pbtxt").write_text(ENSEMBLE)
    return root


def test_ensemble_with_its_steps_is_one_model(store, pipeline: Path) -> None:
    candidates = find_models([pipeline])
    assert [model.directory.name for model in candidates.models] == ["pipeline"]
    assert [one.target_model for one in publish_all(store, candidates.models)] == ["pipeline_v0.tar.gz"]
    assert [one.problems for one in verify(store)] == [()]


def test_ensemble_in_a_registry(make_directory, pipeline: Path) -> None:
    make_directory("other", under="pipeline")
    with pytest.raises(MmeError) as caught:
        find_models([pipeline])
    assert caught.value.message == (
        f"{pipeline} holds the ensemble both and models that it does not need: other"
    )
    assert str(caught.value.hint).startswith("move both and its steps into a separate directory")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["tenant-a/x"], "neither a model nor a registry of models: the first model in it is tenant-a/x"),
        (["tenant-a/x", "tenant-a/y", "tenant-b/x"], "the first model in it is tenant-a/x"),
        (["plain", "tenant-a/x"], "one level too deep, in the wrapper directory x/"),
        (["plain", "tenant-a/x", "tenant-a/y"], "holds 2 models: x, y"),
    ],
)
def test_folders_of_models_are_published_by_name(make_directory, tmp_path: Path, models, message) -> None:
    for model in models:
        folder, _, name = model.rpartition("/")
        make_directory(name, under=f"registry/{folder}")
    with pytest.raises(ArchiveError) as caught:
        find_models([tmp_path / "registry"])
    assert message in str(caught.value)
    command = f"mme models add {tmp_path / 'registry' / 'tenant-a' / 'x'} --name tenant-a/x"
    assert str(caught.value.hint).endswith(command)

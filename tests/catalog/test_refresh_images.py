from __future__ import annotations

import datetime
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mme.catalog.records import record
from tools.catalog.refresh_images import catalog, render

TODAY = datetime.date(2026, 11, 21)
FOLDER = "sagemaker/core/image_uri_config"
FILES = {
    "triton": ("sagemaker-tritonserver", "sagemaker-tritonserver"),
    "xgboost": ("xgboost", "sagemaker-xgboost"),
    "scikit-learn": ("sklearn", "sagemaker-scikit-learn"),
    "knn": ("knn", "knn"),
    "linear-learner": ("linear-learner", "linear-learner"),
    "random-cut-forest": ("randomcutforest", "randomcutforest"),
    "pytorch": ("pytorch", "pytorch-inference"),
    "tensorflow": ("tensorflow", "tensorflow-inference"),
    "mxnet": ("mxnet", "mxnet-inference"),
}
VERSIONS = {"triton": "26.05", "pytorch": "2.6.0", "tensorflow": "2.20.0", "mxnet": "1.9.0"}


def entry(name: str, **spec: Any) -> dict[str, Any]:
    return {"registries": {"eu-west-1": "111122223333"}, "repository": FILES[name][1], **spec}


@pytest.fixture
def contents() -> dict[str, Any]:
    """What a small wheel says of each framework: one version of its own, in one region."""
    return {name: {"inference": {"versions": {VERSIONS.get(name, "3.0-1"): entry(name)}}} for name in FILES}


@pytest.fixture
def wheel(tmp_path: Path, contents: dict[str, Any]) -> Path:
    path = tmp_path / "sagemaker_core-9.8.7-py3-none-any.whl"
    write(path, contents)
    return path


def write(path: Path, contents: dict[str, Any]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"{FOLDER}/{FILES[name][0]}.json", json.dumps(content))


def test_versions_tags_and_regions(wheel: Path, contents: dict[str, Any]) -> None:
    contents["triton"]["inference"]["versions"] = {
        "26.05": entry("triton", tag_prefix="26.05-py3"),
        "25.04": entry("triton", registries={"cn-north-1": "444455556666"}, tag_prefix="25.04-py3"),
        "22.07": entry("triton", registries={"eu-west-1": "000000000000"}),
    }
    contents["pytorch"]["inference"] |= {"processors": ["cpu", "gpu"]}
    contents["pytorch"]["inference"]["versions"]["2.6.0"]["py_versions"] = ["py311", "py312"]
    contents["knn"] = {"scope": ["inference"], "versions": {"1": entry("knn")}}
    write(wheel, contents)
    content = catalog(wheel, TODAY)
    assert content["date"] == "2026-11-21"
    assert "sagemaker-core 9.8.7 wheel" in content["sources"][0]
    assert content["domain_suffixes"] == {"cn-north-1": "amazonaws.com.cn"}
    assert content["registries"]["deep-learning-containers"] == {
        "cn-north-1": "444455556666",
        "eu-west-1": "111122223333",
    }
    triton = content["images"]["triton"]
    assert list(triton["versions"]) == ["25.04", "26.05"]
    assert triton["versions"]["26.05"] == {
        "tags": {"gpu": "26.05-py3", "cpu": "26.05-py3-cpu"},
        "not_in": ["cn-north-1"],
    }
    assert content["images"]["pytorch"]["versions"]["2.6.0"]["tags"] == {"cpu": "2.6.0-cpu-py312"}
    assert content["images"]["knn"]["versions"]["1"]["tags"] == {"cpu": "1"}


def test_two_accounts_for_one_region_are_refused(wheel: Path, contents: dict[str, Any]) -> None:
    contents["mxnet"]["inference"]["versions"]["1.9.0"]["registries"]["eu-west-1"] = "999988887777"
    write(wheel, contents)
    with pytest.raises(ValueError, match=r"mxnet 1\.9\.0 in eu-west-1: 999988887777, elsewhere 111122223333"):
        catalog(wheel, TODAY)


def test_another_repository_is_refused(wheel: Path, contents: dict[str, Any]) -> None:
    contents["xgboost"]["inference"]["versions"]["3.0-1"]["repository"] = "elsewhere"
    write(wheel, contents)
    with pytest.raises(ValueError, match=r"xgboost 3\.0-1 is in elsewhere: correct frameworks\.json"):
        catalog(wheel, TODAY)


def test_a_region_of_an_unknown_partition_is_refused(wheel: Path, contents: dict[str, Any]) -> None:
    contents["knn"]["inference"]["versions"]["3.0-1"]["registries"]["mars-north-1"] = "111122223333"
    write(wheel, contents)
    with pytest.raises(ValueError, match=r"no partition of mars-north-1"):
        catalog(wheel, TODAY)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"other\.whl is not named like a sagemaker-core wheel"):
        catalog(tmp_path / "other.whl", TODAY)


def test_the_committed_file_is_as_the_script_writes_it() -> None:
    committed = (files("mme.catalog") / "data/images.json").read_text("utf-8")
    assert render(record("images")) == committed

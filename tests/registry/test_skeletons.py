"""A new model directory packs and publishes unchanged."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from mme.archives.check import check_model
from mme.archives.errors import ArchiveError
from mme.errors import MmeError
from mme.registry import find_models, publish
from mme.registry.skeletons import BACKENDS, new_model


@pytest.mark.parametrize("backend", ["python", "onnx"])
def test_packs_and_publishes(store, tmp_path: Path, backend: str) -> None:
    made = new_model("doubler", backend, tmp_path)
    assert made.next_step == ""
    assert sorted(path.relative_to(tmp_path) for path in made.files) == sorted(
        path.relative_to(tmp_path) for path in made.directory.rglob("*") if path.is_file()
    )
    model = check_model(made.directory)
    assert [spec.name for spec in (*model.signature.inputs, *model.signature.outputs)] == ["X", "Y"]
    assert publish(store, model).target_model == "doubler_v0.tar.gz"


def test_onnx_model_computes(tmp_path: Path) -> None:
    content = (new_model("doubler", "onnx", tmp_path).directory / "1" / "model.onnx").read_bytes()
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content)
    x = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(session.run(None, {"X": x})[0], 2 * x)


def test_pytorch_names_the_script_to_run(tmp_path: Path) -> None:
    made = new_model("my-net", "pytorch", tmp_path)
    script = tmp_path / "build_my_net.py"
    assert made.next_step == f"python {script}"
    compile(script.read_text(), str(script), "exec")
    with pytest.raises(ArchiveError) as caught:
        find_models([made.directory])
    assert caught.value.findings[0].hint == f"run: python {script}"
    (made.directory / "1" / "model.pt").write_bytes(b"built")
    assert check_model(made.directory).signature.platform == "pytorch_libtorch"


def test_booster_predicts_and_publishes(store, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    made = new_model("churn", "xgboost", tmp_path)
    assert made.request == made.directory / "request.csv"
    booster = xgboost.Booster(model_file=made.directory / "xgboost-model.json")
    rows = xgboost.DMatrix(np.float32([[1, 2, 3, 4], [0, 9, 9, 9]]))
    assert booster.predict(rows).tolist() == [1, -1]
    (model,) = find_models([made.directory]).models
    assert (model.framework, model.warnings) == ("xgboost", ())
    assert publish(store, model).target_model == "churn_v0.tar.gz"


def test_estimator_is_trained_by_its_script(store, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    made = new_model("churn", "sklearn", tmp_path)
    assert made.next_step == f"python {tmp_path / 'build_churn.py'}"
    with pytest.raises(ArchiveError, match="the directory is empty") as caught:
        find_models([made.directory])
    assert caught.value.findings[0].hint == f"run: {made.next_step}"
    new_model("other", "python", tmp_path)
    (skipped,) = find_models([tmp_path]).skipped
    assert (skipped.name, skipped.reason) == ("churn", f"it is empty; optional: run {made.next_step}")

    runpy.run_path(str(tmp_path / "build_churn.py"))
    assert joblib.load(made.directory / "model.joblib").predict([[1, 2, 3, 4]]).tolist() == [1]
    (model,) = find_models([made.directory]).models
    assert (model.framework, model.warnings) == ("scikit-learn", ())
    assert publish(store, model).target_model == "churn_v0.tar.gz"


@pytest.mark.parametrize("backend", ["xgboost", "sklearn"])
def test_images_without_gpu(tmp_path: Path, backend: str) -> None:
    with pytest.raises(MmeError, match=f"AWS's image for {backend} computes on the CPU"):
        new_model("x", backend, tmp_path, gpu=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_overwritten(tmp_path: Path, backend: str) -> None:
    new_model("x", backend, tmp_path)
    with pytest.raises(MmeError, match="exists already"):
        new_model("x", backend, tmp_path)


@pytest.mark.parametrize(
    ("name", "backend", "message"),
    [
        ("a b", "python", "can't be a model's name"),
        ("tenant/x", "python", "has a folder"),
        ("x", "tensorflow", "no skeleton for the backend tensorflow"),
    ],
)
def test_invalid_arguments(tmp_path: Path, name: str, backend: str, message: str) -> None:
    with pytest.raises(MmeError, match=message):
        new_model(name, backend, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MmeError, match="can't be written: not a directory"):
        new_model("x", "python", tmp_path / "file")

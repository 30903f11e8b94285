"""Model directories from files of other frameworks: the container that they are for accepts them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest
import skops.io
import xgboost
from sklearn.linear_model import LinearRegression, LogisticRegression

from mme.archives.check import check_model
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import DraftOptions, NewModel
from mme.registry.drafts.from_file import model_from_file
from tests.archives.model_files.saved_model_builder import saved_model
from tests.archives.model_files.torch_builder import CODE, ONE_TO_ONE, write_torch
from tests.registry.drafts.python_model import run_python_model

ROWS = np.random.default_rng(0).random((60, 5), np.float32)
LABELS = np.arange(60) % 3
X = TensorSpec("x", "FP32", (4,))
Y = TensorSpec("OUTPUT__0", "FP32", (4,))


def make(source: Path, **options: Any) -> NewModel:
    return model_from_file("net", source, DraftOptions(**options), source.parent)


def names(made: NewModel) -> list[str]:
    return sorted(path.relative_to(made.directory).as_posix() for path in made.files)


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_xgboost_is_one_file_at_the_root(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"churn.{ending}"
    xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(ROWS, LABELS).save_model(path)
    made = make(path)
    assert names(made) == [".mmeignore", "request.csv", f"xgboost-model.{ending}"]
    assert made.request.read_text() == "0,0,0,0,0\n"
    assert "5 features, 3 classes, multi:softprob" in made.facts[0]
    assert check_model(made.directory).framework == "xgboost"


def test_lightgbm_predicts_as_the_package_does(
    lightgbm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "churn.txt"
    booster = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(ROWS, LABELS).booster_
    booster.save_model(path)
    made = make(path)
    signature = check_model(made.directory).signature
    assert [spec.dims for spec in (*signature.inputs, *signature.outputs)] == [(5,), (3,)]
    answer = run_python_model(made, {"X": ROWS[:2]}, monkeypatch)
    np.testing.assert_array_equal(answer["prediction"], booster.predict(ROWS[:2]))


def test_a_saved_model_is_version_1(tmp_path: Path) -> None:
    folder = tmp_path / "export" / "3"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved_model())
    (folder / "variables" / "variables.index").write_bytes(b"x")
    for source in (folder, folder.parent, folder / "saved_model.pb"):
        made = model_from_file(f"net-{source.name[:5]}", source, DraftOptions(), tmp_path)
        assert names(made)[1:] == ["1/saved_model.pb", "1/variables/variables.index", "request.json"]
        assert check_model(made.directory).framework == "tensorflow"
    assert json.loads(made.request.read_text()) == {"inputs": {"ids": [0], "x": [[0.0, 0.0, 0.0, 0.0]]}}
    assert "output y: FP32 [any]" in made.facts


@pytest.mark.parametrize(("signature", "shown"), [("train", "train"), ("__saved_model_init_op", "none")])
def test_a_saved_model_without_a_default_signature(signature: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(saved_model(signature))
    with pytest.raises(MmeError, match=f"has no signature serving_default; it has: {shown}\n"):
        make(tmp_path / "m")


@pytest.mark.parametrize("name", ["x", "INPUT__0"])
def test_torch_script(tmp_path: Path, name: str) -> None:
    made = make(
        write_torch(tmp_path / "net.pt", ONE_TO_ONE), inputs=(TensorSpec(name, "FP32", (4,)),), outputs=(Y,)
    )
    signature = check_model(made.directory).signature
    assert (signature.platform, signature.inputs[0].name) == ("pytorch_libtorch", name)
    assert names(made) == [".mmeignore", "1/model.pt", "config.pbtxt", "request.json"]


def test_names_that_triton_can_not_map_get_their_number(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "net.pt", ONE_TO_ONE)
    made = make(path, inputs=(TensorSpec("image", "FP32", (4,)),), outputs=(TensorSpec("y", "FP32", (4,)),))
    signature = check_model(made.directory).signature
    assert (signature.inputs[0].name, signature.outputs[0].name) == ("image__0", "y__0")


def test_torch_script_asks_for_shapes(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "net.pt", CODE)
    with pytest.raises(MmeError, match=r"states no types and shapes .* and 0 inputs") as caught:
        make(path)
    assert "--input x:FP32:DIMS --input mask:FP32:DIMS --output OUTPUT__0:FP32:DIMS" in str(caught.value.hint)
    with pytest.raises(MmeError, match="takes x: int; Triton passes tensors"):
        make(write_torch(path, ONE_TO_ONE.replace("x: Tensor", "x: int")), inputs=(X,), outputs=(Y,))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net.pt"]


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops"])
def test_an_estimator_for_the_scikit_learn_image(tmp_path: Path, ending: str) -> None:
    made = make(dumped(tmp_path, LogisticRegression().fit(ROWS, LABELS), ending))
    assert names(made) == [f"model.{ending}"]
    assert check_model(made.directory).framework == "scikit-learn"
    assert any("SAGEMAKER_PROGRAM" in fact for fact in made.facts)


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops"])
def test_an_estimator_converted_to_onnx(tmp_path: Path, ending: str) -> None:
    estimator = LogisticRegression().fit(ROWS, LABELS)
    made = make(dumped(tmp_path, estimator, ending), convert_to="onnx")
    session = onnxruntime.InferenceSession(made.directory / "1" / "model.onnx")
    label, probabilities = session.run(None, {"X": ROWS})
    np.testing.assert_array_equal(label, estimator.predict(ROWS))
    np.testing.assert_allclose(probabilities, estimator.predict_proba(ROWS), atol=1e-5)
    assert check_model(made.directory).signature.max_batch_size == 8


def test_a_regression_converted_to_onnx(tmp_path: Path) -> None:
    made = make(dumped(tmp_path, LinearRegression().fit(ROWS, LABELS), "joblib"), convert_to="onnx")
    assert check_model(made.directory).signature.outputs[0].dims == (1,)


def dumped(folder: Path, estimator: object, ending: str) -> Path:
    path = folder / f"model.{ending}"
    if ending == "skops":
        skops.io.dump(estimator, path)
    elif ending == "pkl":
        path.write_bytes(pickle.dumps(estimator))
    else:
        joblib.dump(estimator, path)
    return path


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.joblib", b"<html>", {}, "is HTML or XML"),
        ("a.joblib", b"", {}, "is an empty file"),
        ("a.joblib", b"hello", {}, "a.joblib is not a saved estimator; it starts with b'hello'"),
        ("a.pkl", b"xylophone", {}, "is not a saved estimator"),
        ("a.skops", b"hello", {}, "is not a saved estimator"),
        ("a.pkl", b"version https://git-lfs", {}, "is a Git LFS pointer"),
        ("a.pt", b"version https://git-lfs", {}, "is a Git LFS pointer"),
        ("a.joblib", b"\x80\x05garbage", {"convert_to": "onnx"}, "can't be loaded"),
        ("a.pkl", pickle.dumps({"a": 1}), {"convert_to": "onnx"}, "does not state how many features"),
        ("a.pkl", pickle.dumps({"a": 1}), {"convert_to": "onnx", "inputs": (X,)}, "skl2onnx can't convert"),
        ("a.json", b'{"a": 1}', {}, "is not an XGBoost model in JSON"),
        ("a.ubj", b"", {}, "is an empty file"),
        ("a.txt", b"hello", {}, "is not a LightGBM model"),
        ("a.bin", b"hello", {}, "is not a model of a known kind"),
        (
            "a.joblib",
            b"\x80\x05",
            {"gpu": True},
            "--kind can't be given for .*a.joblib; AWS's scikit-learn image",
        ),
        (
            "a.joblib",
            b"\x80\x05",
            {"inputs": (X,), "max_batch_size": 8},
            "--input and --max-batch-size can't",
        ),
    ],
)
def test_other_content(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any], message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MmeError, match=message) as caught:
        make(path, **options)
    assert caught.value.hint
    if caught.value.message.partition(" is not a")[1] and "convert_to" not in options:
        assert "--from takes ONNX (.onnx), TorchScript (.pt, .pth)" in caught.value.hint
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_boosters_and_saved_models_refuse_what_their_images_do_not_have(tmp_path: Path) -> None:
    booster = xgboost.XGBRegressor(n_estimators=1, n_jobs=1).fit(ROWS, ROWS[:, 0])
    booster.save_model(tmp_path / "a.json")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(saved_model())
    for source, image in (("a.json", "XGBoost"), ("m", "TensorFlow")):
        for options, names in (({"gpu": True}, "--kind"), ({"max_batch_size": 0}, "--max-batch-size")):
            with pytest.raises(MmeError, match=f"{names} can't be given for .*; AWS's {image} image"):
                make(tmp_path / source, **options)

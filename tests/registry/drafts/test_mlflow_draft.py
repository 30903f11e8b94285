"""Model directories from MLflow's models, written as MLflow documents them: mlflow is not installed here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pytest
import xgboost
import yaml
from sklearn.linear_model import LogisticRegression

from mme.archives.check import check_model
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import DraftOptions, NewModel
from mme.registry.drafts.from_file import model_from_file
from tests.archives.model_files.torch_builder import ONE_TO_ONE, write_torch
from tests.archives.onnx_builder import doubled
from tests.registry.drafts.python_model import run_python_model

ROWS = np.random.default_rng(0).random((60, 5), np.float32)
LABELS = np.arange(60) % 3
COLUMNS = {
    "inputs": json.dumps(
        [
            {"name": "age", "type": "double", "required": True},
            {"name": "plan", "type": "string", "required": True},
        ]
    ),
    "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]),
}
SPEC = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}
TENSORS = {"inputs": json.dumps([{"name": "x", **SPEC}]), "outputs": json.dumps([SPEC])}
PYFUNC = {"python_function": {"loader_module": "mlflow.pyfunc.model", "python_version": "3.11.7"}}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., NewModel]:
    """Write MLmodel next to files of the model, and make its directory."""

    def make_it(flavours: dict[str, Any], signature: Any = None, **options: Any) -> NewModel:
        root = tmp_path / "mlruns"
        root.mkdir(exist_ok=True)
        described = {"flavors": flavours | PYFUNC, "mlflow_version": "2.20.0"}
        if signature:
            described["signature"] = signature
        (root / "MLmodel").write_text(yaml.safe_dump(described))
        return model_from_file("net", root, DraftOptions(**options), tmp_path)

    return make_it


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mlruns").mkdir()
    return tmp_path / "mlruns"


def test_onnx(make: Any, root: Path) -> None:
    (root / "model.onnx").write_bytes(doubled().SerializeToString())
    made = make({"onnx": {"data": "model.onnx", "onnx_version": "1.17.0"}})
    assert made.facts[0] == "MLflow model, flavour onnx"
    assert check_model(made.directory).signature.platform == "onnxruntime_onnx"


def test_xgboost(make: Any, root: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(ROWS, LABELS)
    model.save_model(root / "model.ubj")
    (root / "model.ubj").rename(root / "model.xgb")
    made = make({"xgboost": {"data": "model.xgb", "model_format": "ubj"}})
    assert (made.directory / "xgboost-model.ubj").exists()
    with pytest.raises(MmeError, match="old binary form"):
        model_from_file("old", _again(root, {"xgboost": {"data": "model.xgb"}}), DraftOptions(), root.parent)


def _again(root: Path, flavours: dict[str, Any]) -> Path:
    (root / "MLmodel").write_text(yaml.safe_dump({"flavors": flavours}))
    return root


def test_lightgbm(lightgbm: Any, make: Any, root: Path) -> None:
    booster = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(ROWS, LABELS).booster_
    booster.save_model(root / "model.lgb")
    assert (make({"lightgbm": {"data": "model.lgb"}}).directory / "1" / "model.txt").exists()


def test_sklearn(make: Any, root: Path) -> None:
    joblib.dump(LogisticRegression().fit(ROWS, LABELS), root / "model.pkl")
    flavour = {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}}
    assert check_model(make(flavour).directory).framework == "scikit-learn"
    converted = model_from_file("onnx", root, DraftOptions(convert_to="onnx"), root.parent)
    assert check_model(converted.directory).signature.platform == "onnxruntime_onnx"


def test_torch_script_has_its_signature(make: Any, root: Path) -> None:
    (root / "data").mkdir()
    write_torch(root / "data" / "model.pth", ONE_TO_ONE)
    signature = check_model(make({"pytorch": {"model_data": "data"}}, TENSORS).directory).signature
    assert signature.inputs == (TensorSpec("x", "FP32", (4,)),)
    assert signature.outputs == (TensorSpec("prediction__0", "FP32", (4,)),)


def test_a_pickled_module_is_served_by_pyfunc(make: Any, root: Path) -> None:
    (root / "data").mkdir()
    write_torch(root / "data" / "model.pth", None)
    assert make({"pytorch": {"model_data": "data"}}, TENSORS).facts[0] == "MLflow model, flavour pyfunc"


def test_an_exported_program_is_served_by_pyfunc(make: Any, root: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "model.pt2").write_bytes(b"PK")
    assert make({"pytorch": {"model_data": "data"}}, TENSORS).facts[0] == "MLflow model, flavour pyfunc"


def doubles(monkeypatch: pytest.MonkeyPatch, predict: Callable[[Any], Any]) -> None:
    """Doubles of mlflow and pandas: a table is a dict."""
    mlflow, pyfunc, pandas = ModuleType("mlflow"), ModuleType("mlflow.pyfunc"), ModuleType("pandas")

    class Model:
        def __init__(self, folder: str) -> None:
            assert (Path(folder) / "MLmodel").exists()

        def predict(self, given: Any) -> Any:
            return predict(given)

    class DataFrame(dict):  # type: ignore[type-arg]
        pass

    pyfunc.load_model = Model  # type: ignore[attr-defined]
    pandas.DataFrame = DataFrame  # type: ignore[attr-defined]
    mlflow.pyfunc = pyfunc  # type: ignore[attr-defined]
    for module in (mlflow, pyfunc, pandas):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_pyfunc_with_columns(make: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "requirements.txt").write_text("mlflow==2.20.0\n# a comment\nscikit-learn==1.5.0\n")
    made = make({}, COLUMNS)
    signature = check_model(made.directory).signature
    assert signature.inputs == (TensorSpec("age", "FP64", (1,)), TensorSpec("plan", "BYTES", (1,)))
    assert "the environment needs: mlflow==2.20.0, scikit-learn==1.5.0" in made.facts
    doubles(monkeypatch, lambda table: [age + len(plan) for age, plan in zip(*table.values(), strict=True)])
    inputs = {"age": np.array([[1.0], [2.0]]), "plan": np.array([[b"abc"], [b"d"]], object)}
    np.testing.assert_array_equal(run_python_model(made, inputs, monkeypatch)["prediction"], [[4.0], [3.0]])


def test_pyfunc_with_tensors(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make({}, {**TENSORS, "inputs": TENSORS["inputs"].replace('"name": "x", ', "")})
    assert check_model(made.directory).signature.inputs[0].name == "input"
    doubles(monkeypatch, lambda array: array * 2)
    answer = run_python_model(made, {"input": np.ones((3, 4), np.float32)}, monkeypatch)
    np.testing.assert_array_equal(answer["prediction"], np.full((3, 4), 2, np.float32))


def test_pyfunc_without_a_signature_takes_the_users(make: Any) -> None:
    with pytest.raises(MmeError, match="has no signature with inputs") as caught:
        make({})
    assert "infer_signature" in str(caught.value.hint)
    made = make({}, inputs=(TensorSpec("x", "FP32", (1,)),), outputs=(TensorSpec("y", "FP32", (1,)),))
    assert check_model(made.directory).signature.inputs[0].name == "x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("flavors: [", "can't be read"),
        ("- a list", "is not an MLflow model"),
        ("flavors: {spark: {}}", "no container serves a flavour .* it has: spark"),
        ("flavors: {onnx: {data: model.onnx}}", "model.onnx is missing, which MLmodel names"),
        ("flavors: {onnx: {data: ../../secret.onnx}}", "names ../../secret.onnx, outside the model"),
        (
            "flavors: {python_function: {}}\nsignature: {inputs: '[{\"type\": \"array\"}]', outputs: '[]'}",
            "signature's input can't be read: 'array'",
        ),
    ],
)
def test_damaged_models(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text(content)
    with pytest.raises(MmeError, match=message) as caught:
        model_from_file("net", tmp_path / "m", DraftOptions(), tmp_path)
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["m"]

"""Models that the real mlflow saved, from their directory to an answer, if mlflow is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mme.cli.main import app
from mme_local.containers.triton.wheel import why_not_here

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.triton,
    pytest.mark.timeout(600),
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}"),
]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tried(values: list[float], *options: str) -> Any:
    """What `models new --from saved` and `models try` answer."""
    runner = CliRunner()
    new = runner.invoke(app, ["models", "new", "new", "--from", "saved", *options])
    assert new.exception is None, new.output
    request = json.loads(Path("new", "request.json").read_text())
    for tensor, value in zip(
        request["inputs"], np.split(np.array(values), len(request["inputs"])), strict=True
    ):
        tensor["data"] = value.tolist()
    Path("request.json").write_text(json.dumps(request))
    ran = runner.invoke(app, ["models", "try", "new", "--json-input", "request.json", "--json"])
    assert ran.exception is None, ran.output
    (answer,) = (output["data"] for output in json.loads(ran.stdout)["outputs"].values())
    return answer


@pytest.mark.parametrize("form", ["pt2", "pickle", "script"])
def test_pytorch(form: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    example = np.array([[1, 2, 3, 4]], dtype=np.float32)
    model = torch.nn.Linear(4, 3).eval()
    expected = model(torch.from_numpy(example)).detach().numpy()
    mlflow.pytorch.save_model(
        torch.jit.script(model) if form == "script" else model,
        "saved",
        signature=mlflow.models.infer_signature(example, expected),
        input_example=example,
        serialization_format="pt2" if form == "pt2" else "pickle",
        pip_requirements=[],
    )
    assert np.allclose(tried([1, 2, 3, 4]), expected, atol=1e-5)


def test_pyfunc_with_named_columns() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    class Sum(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return model_input["a"] + 10 * model_input["b"]

    table = pandas.DataFrame({"a": [1.5], "b": [2.0]})
    mlflow.pyfunc.save_model(
        "saved",
        python_model=Sum(),
        signature=mlflow.models.infer_signature(table, np.array([21.5])),
        pip_requirements=[],
    )
    assert np.allclose(tried([1.5, 2]), 21.5)


def test_scikit_learn_as_onnx() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    features = np.array([[0, 1], [1, 0], [2, 2]], dtype=np.float32)
    model = linear.LinearRegression().fit(features, [1, 2, 7])
    mlflow.sklearn.save_model(
        model,
        "saved",
        signature=mlflow.models.infer_signature(features, model.predict(features)),
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    assert np.allclose(tried([3, 4], "--to", "onnx"), model.predict([[3, 4]]), atol=1e-4)

"""The models of the CPU images in the real Multi Model Server answer as their frameworks do."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mme.registry.skeletons import new_model
from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.container import MmsContainer
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.installation import MmsInstallation
from model_registry import churn_data
from model_registry.build_wine_sklearn import split

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "model_registry"


async def answers(
    folder: Path, handler: Handler, variables: Mapping[str, str], models: Mapping[Path, Any]
) -> list[Any]:
    """What one server answers for rows of each model's directory."""
    container = MmsContainer(
        MmsInstallation.find(), handler, "image", folder, variables, start_seconds=120, log=folder / "log"
    )
    await container.start()
    try:
        answered = []
        for source, rows in models.items():
            name, model = source.name, folder / source.name / "model"
            shutil.copytree(source, model, ignore=shutil.ignore_patterns("request.csv", ".mmeignore"))
            loaded = await container.load(name, f"{name}_v0.tar.gz", model, 60)
            assert loaded.status == 200, loaded.text
            body = "\n".join(",".join(map(str, row)) for row in rows).encode()
            headers = {"Content-Type": "text/csv"}
            reply = await container.invoke(name, f"{name}_v0.tar.gz", body, headers, 60)
            assert reply.status == 200, reply.text
            answered.append(json.loads(reply.body))
        return answered
    finally:
        await container.stop()


def test_churn_xgboost_and_a_new_model(tmp_path: Path) -> None:
    import xgboost

    new = new_model("new", "xgboost", tmp_path).directory

    _, rows, _, _ = churn_data.split()
    booster = xgboost.Booster(model_file=REGISTRY / "churn_xgboost" / "xgboost-model.ubj")
    models = {REGISTRY / "churn_xgboost": rows, new: [[1, 2, 3, 4], [0, 2, 3, 4]]}
    answered, of_new = asyncio.run(answers(tmp_path / "server", handlers.xgboost({}), {}, models))
    assert of_new == [1, -1]
    np.testing.assert_allclose(answered, booster.predict(xgboost.DMatrix(rows)), rtol=1e-6)


@pytest.mark.nightly
def test_wine_sklearn_with_the_program_of_the_example(tmp_path: Path) -> None:
    import joblib

    _, rows, _, _ = split()
    source = str(ROOT / "examples" / "scikit_learn" / "code")
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    handler = handlers.scikit_learn(variables)
    models = {REGISTRY / "wine_sklearn": rows}
    (answered,) = asyncio.run(answers(tmp_path, handler, variables, models))
    model = joblib.load(REGISTRY / "wine_sklearn" / "model.joblib")
    np.testing.assert_allclose(answered, model.predict_proba(rows), rtol=1e-6)

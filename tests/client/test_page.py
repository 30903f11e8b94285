"""The Python in docs/client.md runs unchanged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import boto3
import numpy as np
import pytest

from mme.client import encode_csv
from mme.registry.aliases import AliasStore

from .conftest import Answer, Service, failure
from .test_targets import Names

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
REFUSED = "{\"error\":\"unexpected shape for input 'INPUT0' for model 'm'. Expected [4], got [3].\"}"


def respond(target: str, body: bytes) -> Answer:
    """A service whose models add and subtract, or give back what they got."""
    if target.startswith("churn"):
        return Answer(
            200, body, {"Content-Type": "text/csv", "x-Amzn-Invoked-Production-Variant": "AllTraffic"}
        )
    if b'"shape":[3]' in body:
        return failure(424, "ModelError", "x", OriginalStatusCode=400, OriginalMessage=REFUSED)
    output = {"name": "OUTPUT0", "datatype": "FP32", "shape": [4], "data": [2, 4, 6, 8]}
    return Answer(200, json.dumps({"outputs": [output]}).encode(), {"Content-Type": "application/json"})


def test_page(service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    service.respond = respond
    for name, value in {
        "AWS_ENDPOINT_URL": service.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ENDPOINT_NAME": "mme-dev",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(AliasStore, "resolve", Names("add_sub_v3.tar.gz").resolve)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    space: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), space)  # noqa: S102 - the page's own code
    said = capsys.readouterr().out
    assert "[2. 4. 6. 8.]" in said
    assert str(np.array([[1, 2.5], [3, 4]])) in said
    assert "99 [2. 4. 6. 8.]" in said
    assert "add_sub_v0.tar.gz True" in said
    assert "has shape [3]; the model expects [4] | list its inputs: mme models show add_sub_v0.tar.gz" in said
    targets = [headers["x-amzn-sagemaker-target-model"] for _, headers, _ in service.requests]
    assert "add_sub_v3.tar.gz" in targets
    handler = space["handler"]
    assert callable(handler)
    event = {"model": "add_sub_v0.tar.gz", "x": [1, 2, 3, 4], "y": [1, 2, 3, 4]}
    assert json.loads(handler(event, None)["body"]) == {"OUTPUT0": [2, 4, 6, 8]}
    answer = handler(event | {"x": [1, 2, 3]}, None)
    assert (answer["statusCode"], json.loads(answer["body"])["hint"]) == (
        502,
        "list its inputs: mme models show add_sub_v0.tar.gz",
    )
    assert encode_csv([[1, 2.5], [3, 4]]) in [body for _, _, body in service.requests]

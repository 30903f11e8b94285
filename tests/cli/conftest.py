"""The `mme` command against an AWS on localhost: moto's, with an endpoint that adds, subtracts and echoes."""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from mme.cli import run as enter
from mme.client.codec import decode_reply, encode_request
from mme_local.aws import moto_patches

OUTPUTS = {"EndpointName": "mme-local", "ModelBucketName": "models", "ModelPrefix": "models/"}


@dataclass
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self) -> list[str]:
        """The output's lines, with one space between words."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


def _invoke(request: Request) -> Response:
    target = request.headers["X-Amzn-SageMaker-Target-Model"].rpartition("/")[2]
    header = request.headers["Content-Type"]
    if "json-header-size" not in header:
        return _raw(request, header)
    size = int(header.rpartition("=")[2])
    body = request.get_data()
    # A request and a reply have one form: only the key differs.
    renamed = json.loads(body[:size])
    wanted = [one["name"] for one in renamed.get("outputs", [])]
    parameters = {
        name: v for name, v in renamed.get("parameters", {}).items() if name != "binary_data_output"
    }
    renamed["outputs"] = renamed.pop("inputs")
    start = json.dumps(renamed).encode()
    inputs = decode_reply(start + body[size:], header.replace(f"={size}", f"={len(start)}"))
    if target.startswith("add_sub"):
        if unknown := set(wanted) - {"OUTPUT0", "OUTPUT1"}:
            return _model_error(f"unexpected inference output '{unknown.pop()}' for model '{target}'")
        first, second = inputs["INPUT0"], inputs["INPUT1"]
        outputs = {"OUTPUT0": first + second, "OUTPUT1": first - second}
    elif target.startswith("digits"):
        count = len(inputs["image"])
        outputs = {
            "label": np.full((count, 1), 7, np.int64),
            "probabilities": np.tile(np.float32([0.01] * 7 + [0.9, 0.02, 0.01]), (count, 1)),
        }
    elif target.startswith("echo"):
        outputs = {name: array for name, array in inputs.items() if name in wanted or not wanted}
        if parameters:
            outputs["PARAMETERS"] = np.array([json.dumps(parameters).encode()], dtype=object)
    elif target.startswith("broken"):
        return _model_error("boom")
    else:
        message = f"Failed to download model data(bucket: models, key: models/{target})"
        return _failure(400, "ValidationError", {"Message": message})
    answer = encode_request(outputs)
    header_size = int(answer.content_type.rpartition("=")[2])
    answered = json.loads(answer.body[:header_size])
    answered["outputs"] = answered.pop("inputs")
    start = json.dumps(answered).encode()
    content_type = answer.content_type.replace(f"={header_size}", f"={len(start)}")
    return Response(start + answer.body[header_size:], content_type=content_type)


def _raw(request: Request, content_type: str) -> Response:
    """A framework container: JSON of what it was asked where that is wanted, else the body as it came."""
    body = request.get_data()
    if request.headers.get("Accept") == "application/json":
        answer = {"rows": body.decode().splitlines(), "type": content_type}
        return Response(json.dumps(answer), content_type="application/json")
    return Response(body, content_type=content_type)


def _model_error(message: str) -> Response:
    original = {"OriginalStatusCode": 400, "OriginalMessage": json.dumps({"error": message})}
    return _failure(424, "ModelError", {"Message": "Received client error", **original})


def _failure(status: int, code: str, body: dict[str, object]) -> Response:
    return Response(json.dumps(body), status, {"x-amzn-errortype": code}, content_type="application/json")


@pytest.fixture(scope="session")
def _aws_server() -> Iterator[str]:
    moto_patches.apply()  # now, as other tests of this process do: moto's routes and backends stay a pair
    cloud = DomainDispatcherApplication(create_backend_app)

    def application(environ, start_response):
        if environ["PATH_INFO"].startswith("/endpoints/"):
            return _invoke(Request(environ))(environ, start_response)
        return cloud(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Nothing answers here: a test that needs AWS asks for it.
    monkeypatch.setenv("MME_ENDPOINT_URL", "http://localhost:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def aws(_aws_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Deployed: the stack with its outputs, and an empty bucket. Yields an S3 client."""
    monkeypatch.setenv("MME_ENDPOINT_URL", _aws_server)
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    _reset(_aws_server)
    s3 = session.client("s3", endpoint_url=_aws_server)
    s3.create_bucket(Bucket="models")
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
    }
    session.client("cloudformation", endpoint_url=_aws_server).create_stack(
        StackName="mme-local-serving", TemplateBody=json.dumps(template)
    )
    yield s3
    _reset(_aws_server)


def _reset(url: str) -> None:
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture
def mme(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs `mme ARGUMENTS...` through its entry point, in this process."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["mme", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            enter()
        captured = capfd.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run

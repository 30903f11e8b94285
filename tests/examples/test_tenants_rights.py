"""The multi-tenant example grants a publisher all that `mme models add` needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request

from mme_local import aws as cloud
from tests.examples.conftest import Example

ROOT = Path(__file__).parents[2]


class Recorder:
    """Embedded AWS, and every request that reaches its S3."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self._application = cloud.application()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        if "/s3/" in request.headers.get("Authorization", ""):
            query = parse_qs(request.query_string.decode(), keep_blank_values=True)
            self.requests.append((request.method, unquote(request.path), query))
        return self._application(environ, start_response)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def environment(recorder: Recorder, tmp_path: Path) -> Iterator[dict[str, str]]:
    server = make_server("localhost", 0, recorder, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))}
    yield inherited | {
        "AWS_ENDPOINT_URL": f"http://localhost:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
    }
    server.shutdown()
    thread.join(timeout=10)
    cloud.reset()


def deploy(template: dict[str, Any], environment: dict[str, str]) -> str:
    """Makes the example's stack; returns its bucket."""

    def client(service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="MultiTenant", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="MultiTenant", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    (stack,) = cloudformation.describe_stacks(StackName="MultiTenant")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return str(outputs["ModelBucketName"])


def test_publishing_touches_nothing_but_the_tenants_own(
    example: Callable[[str], Example], environment: dict[str, str], recorder: Recorder
) -> None:
    bucket = deploy(example("multi_tenant").template("MultiTenant"), environment)
    recorder.requests.clear()
    command = [sys.executable, "-m", "mme.cli.main", "--stack", "MultiTenant", "models", "add"]
    done = subprocess.run(
        [*command, str(ROOT / "model_registry/add_sub"), "--name", "tenant-a/x", "--json"],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tenant-a/x_v0.tar.gz" in done.stdout

    assert any(method in {"PUT", "POST"} for method, _, _ in recorder.requests)
    own = ("models/tenant-a/", ".mme/models/@removed/tenant-a/", ".mme/models/@aliases/tenant-a/")
    for method, path, query in recorder.requests:
        if path.rstrip("/") == f"/{bucket}":
            assert method == "GET", (method, path, query)
            assert query["prefix"][0].startswith(own), query
        else:
            assert method in {"GET", "HEAD", "PUT", "POST", "DELETE"}
            assert path.removeprefix(f"/{bucket}/").startswith(own), (method, path)

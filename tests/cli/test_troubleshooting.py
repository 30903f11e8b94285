"""docs/troubleshooting.md: each message is printed, or read from a container's recorded answer."""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from mme.archives.explain import explain as explain_archive
from mme.client.container_fault import FaultKind, read_fault
from mme.client.explain import explain
from mme_cdk import ModelStore, MultiModelEndpoint, PropsError, ServingImage
from mme_local.endpoint import errors
from tests.archives.test_broken_archives import CASES
from tests.cli.test_plugins import imported_without_node
from tests.client.test_container_fault import DOWN, EXECUTE, FRAMEWORKS, PLACE, TRITON

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text("utf-8")
SECTIONS = {
    title: re.findall(r"^\| `(.+?)` \| .+ \| .+ \|$", text, re.MULTILINE)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
CDK_CLI = Path(__file__).parents[2] / "node_modules" / ".bin" / "cdk"
CDK = SECTIONS["What `cdk synth` and `cdk deploy` say"]
MEMORY = (
    f"{EXECUTE}RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB",
    f"{DOWN}Internal: Failed to increase the shared memory pool size for key 'x' to 67108864 bytes.",
    "write failed: No space left on device",
)


def absent(messages: Iterable[str], produced: Iterable[str]) -> list[str]:
    """The documented messages of which nothing that was produced is an example."""
    texts = list(produced)
    patterns = {one: re.compile(".*".join(map(re.escape, one.split("…"))), re.DOTALL) for one in messages}
    return [one for one, pattern in patterns.items() if not any(map(pattern.search, texts))]


def test_the_page_has_enough_of_each_kind() -> None:
    assert len(SECTIONS) == 6
    assert sum(map(len, SECTIONS.values())) > 60
    assert absent(["a message that is never printed…"], ["a message"])


def test_triton() -> None:
    recorded = [words for words, *_ in TRITON.values()] + list(MEMORY)
    assert not absent(SECTIONS["What Triton says about a model"], recorded)
    unread = [words for words in recorded if read_fault(words, 400).kind is FaultKind.OTHER]
    assert len(unread) <= 1, unread


def test_other_containers() -> None:
    recorded = [words for words, *_ in FRAMEWORKS.values()]
    assert not absent(SECTIONS["What other containers and SageMaker say"], recorded)


def test_the_client() -> None:
    identity = errors.EndpointId("mme", "us-east-1", "123456789012")
    answers = [
        errors.unknown_endpoint("mme", identity.account),
        errors.artifact_unavailable("b", "models/m.tar.gz"),
        errors.model_not_ready("m.tar.gz"),
        errors.forbidden(
            "AccessDeniedException", "User: x is not authorized to perform: sagemaker:InvokeEndpoint"
        ),
        errors.InvokeError("ThrottlingException", 400, ""),
        errors.too_large(25_000_000),
        errors.target_model_missing("1"),
    ]
    failures: list[Exception] = [
        ClientError({"Error": {"Code": one.name, "Message": one.message}}, "InvokeEndpoint")
        for one in answers
    ]
    failures += [
        ReadTimeoutError(endpoint_url="http://localhost"),
        EndpointConnectionError(endpoint_url="http://localhost"),
        ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "InvokeEndpoint"),
    ]
    produced = [str(explain(failure, endpoint="mme", model="m.tar.gz")) for failure in failures]
    assert not absent(SECTIONS["What the client and `mme invoke` say"], produced)


def test_archives() -> None:
    produced = [
        finding.message
        for content, *_ in CASES.values()
        for finding in explain_archive(io.BytesIO(content)).findings
    ]
    assert not absent(SECTIONS["What `mme archives explain` and `mme models add` say"], produced)


def _endpoint(**props: Any) -> MultiModelEndpoint:
    stack = Stack(App(), "S", env=Environment(account="111111111111", region="eu-central-1"))
    models = ModelStore.from_bucket(s3.Bucket.from_bucket_name(stack, "Models", "models-of-a-team"))
    usual: dict[str, Any] = {"instance_type": "ml.g5.xlarge", "models": models}
    return MultiModelEndpoint(stack, "E", **{"image": ServingImage.triton("26.05"), **usual, **props})


def _two_policies() -> None:
    scaling = _endpoint().auto_scale_instance_count(min_capacity=1, max_capacity=2)
    scaling.scale_on_invocations("A", max_requests_per_second=1)
    scaling.scale_on_invocations("B", max_requests_per_second=1)


FAULTS: list[Callable[[], object]] = [
    lambda: _endpoint(instance_type="ml.g5.12xlarge"),
    lambda: _endpoint(instance_type="ml.g5.xlrge"),
    lambda: _endpoint(instance_type="ml.p3.2xlarge"),
    lambda: ServingImage.triton("26.06"),
    lambda: _endpoint(image=ServingImage.xgboost("3.0-5")),
    lambda: _endpoint(endpoint_name="bad_name"),
    lambda: _endpoint(models="s3://b/x/"),
    lambda: _endpoint().auto_scale_instance_count(min_capacity=3, max_capacity=2),
    _two_policies,
]


def test_constructs() -> None:
    produced = []
    for fault in FAULTS:
        with pytest.raises(PropsError) as caught:
            fault()
        produced.append(str(caught.value))
    produced.append(imported_without_node("aws_cdk"))
    assert absent(CDK, produced) == [one for one in CDK if "no credentials" in one]


@pytest.mark.slow
def test_cdk_deploy_without_credentials(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "out"))
    Stack(app, "S", env=Environment(account="111111111111", region="eu-central-1"))
    app.synth()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ran = subprocess.run(
        [CDK_CLI, "deploy", "--app", tmp_path / "out", "--no-color"],
        env=variables | {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "CI": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1
    assert not absent([one for one in CDK if "no credentials" in one], [ran.stderr])


def test_commands(aws, mme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    produced = [
        mme(*line.split()).err
        for line in (
            "endpoint preflight",
            "local fault list --port 1",
            "modles list",
            "models show nothing_v0.tar.gz",
            "models list --env dev",
            "--endpoint-name nosuch models list",
            "--env staging models list",
            "--endpoint-url http://localhost:9 models list",
        )
    ]
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    produced += [
        mme("--env", "dev", *flags, "models", "list").err for flags in ((), ("--region", "us-east-1"))
    ]
    assert not absent(SECTIONS["What the commands say"], produced)
    assert PLACE not in PAGE

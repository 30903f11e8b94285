"""A hint repeats the environment of its command."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest

from mme.cli.deployment import Target
from mme.findings import Finding, Severity

INPUTS = ["--input", "INPUT0=1,2,3,4", "--input", "INPUT1=1,2,3,4"]


@pytest.fixture
def own_stack(aws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Flags that lead to a deployment of another name, with an empty bucket."""
    url = aws.meta.endpoint_url
    client = boto3.client("cloudformation", endpoint_url=url, region_name="us-east-1")
    outputs = {"EndpointName": "own", "ModelBucketName": "models", "ModelPrefix": "own/"}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client.create_stack(StackName="own", TemplateBody=json.dumps(template))
    monkeypatch.delenv("MME_ENDPOINT_URL")
    return ["--stack", "own", "--endpoint-url", url]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["models", "list"], "models add PATH"),
        (["models", "aliases"], "models promote MODEL --as NAME@LABEL"),
        (["models", "show", "x_v0.tar.gz"], "models add PATH"),
        (["models", "remove", "x_v0.tar.gz"], "models add PATH"),
        (["invoke", "x_v0.tar.gz", *INPUTS], "models add PATH"),
        (["invoke", "x@prod", *INPUTS], "models aliases"),
    ],
)
def test_a_hint_repeats_the_given_flags(own_stack: list[str], mme, words: list[str], way_out: str) -> None:
    ran = mme(*own_stack, *words)
    assert f"mme {' '.join(own_stack)} {way_out}" in " ".join(ran.err.split())


def test_a_new_model_is_to_be_published_there(mme, tmp_path: Path) -> None:
    ran = mme("--env", "dev", "models", "new", "net", "--in", tmp_path)
    assert ran.out.splitlines()[-1] == f"then: mme --env dev models add {tmp_path / 'net'}"


def test_the_doctors_ways_out_have_the_flags(mme, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Finding(Severity.WARNING, "bucket", "the bucket is empty", "mme models add PATH")]
    monkeypatch.setattr("mme.operate.doctor.examine", lambda *_, **__: found)
    assert "→ mme --env dev models add PATH" in mme("--env", "dev", "endpoint", "doctor").out
    ran = mme("--env", "dev", "endpoint", "doctor", "--json")
    assert ran.json[0]["hint"] == "mme --env dev models add PATH"


def test_the_doctor_counts_what_it_does_not_show(mme, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Finding.error("archives", f"m{number}: broken", "fix it") for number in range(300)]
    monkeypatch.setattr("mme.operate.doctor.examine", lambda *_, **__: found)
    ran = mme("endpoint", "doctor")
    assert "281 more findings" in ran.out
    assert len(ran.out.splitlines()) < 50
    assert len(mme("endpoint", "doctor", "--json").json) == 300


@pytest.mark.parametrize(
    ("hint", "full"),
    [
        ("see: mme models list", "see: mme --env dev models list"),
        ("mme endpoint logs, or mme invoke X", "mme --env dev endpoint logs, or mme --env dev invoke X"),
        ("mme --env ENV models add PATH", "mme --env ENV models add PATH"),
        ("start it: mme local up", "start it: mme local up"),
        ("call mme-models or `mme models`", "call mme-models or `mme --env dev models`"),
    ],
)
def test_only_commands_about_a_deployment_change(hint: str, full: str) -> None:
    assert Target(env="dev", stack=None).in_full(hint) == full
    assert Target(env=None).in_full(hint) == hint

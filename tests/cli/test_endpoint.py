"""`mme endpoint` through its entry point, on embedded AWS; `mme --env dev` needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mme.aws.clients import AwsClients
from mme_local import aws as cloud
from tests.operate.deployment import put_log, serve_embedded_aws
from tools.sample_deployment import (
    BUCKET,
    ENDPOINT,
    IMAGE,
    STACK,
    clients_at,
    deploy,
    put_metric,
    serving_template,
    store_template,
)

LOG = (Path(__file__).parents[1] / "operate" / "triton_logs" / "quiet.log").read_text().splitlines()
STORE = "mme-dev-model-store"


@pytest.fixture(scope="module")
def _url() -> Iterator[str]:
    with serve_embedded_aws() as url:
        yield url


@pytest.fixture
def clients(_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsClients]:
    """The dev environment is deployed, and `mme` knows only the AWS endpoint URL and MME_ENV."""
    cloud.reset()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MME_ENDPOINT_URL", _url)
    monkeypatch.setenv("MME_ENV", "dev")
    clients = clients_at(_url)
    deploy(clients, store_template(), STORE)
    deploy(clients, serving_template(bucket={"Fn::ImportValue": f"{BUCKET}-name"}))
    yield clients
    cloud.reset()


@pytest.fixture
def log(clients: AwsClients) -> None:
    now = datetime.now(UTC) - timedelta(minutes=5)
    put_log(
        clients, "AllTraffic/i-0abc", [(now + timedelta(milliseconds=n), text) for n, text in enumerate(LOG)]
    )


def test_an_environments_name_is_all_it_takes(
    mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MME_ENV")
    clients.s3.put_object(Bucket=BUCKET, Key="models/a_v0.tar.gz", Body=b"x")
    listed = mme("--env", "dev", "models", "list", "--json")
    assert listed.status == 0, listed.err
    assert [model["model"] for model in listed.json] == ["a_v0.tar.gz"]
    assert mme("--env", "dev", "endpoint", "status", "--json").json["endpoint"]["name"] == ENDPOINT
    assert "environment staging is not deployed there" in mme("--env", "staging", "endpoint", "status").err


@pytest.fixture
def made_by_boto3(clients: AwsClients) -> list[str]:
    """The flags of an endpoint that no stack describes, with one model."""
    container: Any = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://lake/live/"}
    role = "arn:aws:iam::123456789012:role/x"
    clients.s3.create_bucket(Bucket="lake")
    clients.sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
    variant: Any = {
        "VariantName": "v",
        "ModelName": "m",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 1,
    }
    clients.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    clients.sagemaker.create_endpoint(EndpointName="by-boto3", EndpointConfigName="c")
    clients.s3.put_object(Bucket="lake", Key="live/a_v0.tar.gz", Body=b"x")
    return ["--endpoint-name", "by-boto3"]


def test_an_endpoint_without_a_stack(mme: Callable, clients: AwsClients, made_by_boto3: list[str]) -> None:
    def run(*arguments: str) -> Any:
        return mme(*made_by_boto3, *arguments)

    assert [one["model"] for one in run("models", "list", "--json").json] == ["a_v0.tar.gz"]
    status = run("endpoint", "status")
    assert (status.status, status.rows[0].split()[:3]) == (0, ["Endpoint", "by-boto3", "InService"])
    findings = run("endpoint", "doctor", "--archives", "0", "--json").json
    assert {one["check"]: one["severity"] for one in findings} | {"stack": "skipped", "endpoint": "ok"} == {
        one["check"]: one["severity"] for one in findings
    }
    assert "has no earlier config left" in run("endpoint", "rollback", "--yes").err
    for command, message in (
        (("endpoint", "clean", "--yes"), "is named without its stack; clean deletes stacks"),
        (("async", "status"), "the queue for asynchronous requests is found by its stack"),
    ):
        ran = run(*command)
        assert (ran.status, message in ran.err) == (2, True)
    # Hints lead to the same endpoint.
    assert "mme --endpoint-name by-boto3 models" in run("models", "show", "b_v0.tar.gz").err


def test_models_add_warns_of_a_model_for_another_container(
    mme: Callable, made_by_boto3: list[str], tmp_path: Path
) -> None:
    assert mme("models", "new", "trees", "--backend", "xgboost", "--in", tmp_path).status == 0
    ran = mme(*made_by_boto3, "models", "add", tmp_path / "trees")
    assert ran.status == 0
    assert "warning trees: it is an archive for XGBoost, not for Triton Inference Server" in ran.err


def test_models_add_warns_of_what_the_endpoint_cannot_load(
    mme: Callable, clients: AwsClients, made_by_boto3: list[str], tmp_path: Path
) -> None:
    assert mme("models", "new", "net", "--backend", "python", "--in", tmp_path, "--kind", "gpu").status == 0
    config = tmp_path / "net" / "config.pbtxt"
    config.write_text(config.read_text().replace("KIND_CPU", "KIND_GPU"))
    add = (*made_by_boto3, "models", "add", config.parent)
    assert "is KIND_GPU, and the endpoint has no GPU" in mme(*add).err
    sagemaker = clients.sagemaker
    model = sagemaker.describe_model(ModelName="m")
    image: Any = {**model["PrimaryContainer"], "Image": IMAGE.removesuffix("-cpu")}
    sagemaker.create_model(ModelName="n", ExecutionRoleArn=model["ExecutionRoleArn"], PrimaryContainer=image)
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName="c")["ProductionVariants"]
    variant |= {"ModelName": "n", "InstanceType": "ml.g5.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName="d", ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName="by-boto3", EndpointConfigName="d")
    of_a_gpu = mme(*add)
    assert (of_a_gpu.status, of_a_gpu.err) == (0, "")
    clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    assert "is KIND_GPU; a CPU endpoint can't load it" in mme("models", "add", config.parent).err


def test_bucket_and_prefix_replace_what_sagemaker_reports(
    mme: Callable, clients: AwsClients, made_by_boto3: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients.s3.put_object(Bucket=BUCKET, Key="other/b_v0.tar.gz", Body=b"x")
    given = mme(*made_by_boto3, "--bucket", BUCKET, "--prefix", "other", "models", "list", "--json").json
    assert [one["model"] for one in given] == ["b_v0.tar.gz"]
    same = mme(*made_by_boto3, "--bucket", "lake", "models", "list", "--json").json
    assert [one["model"] for one in same] == ["a_v0.tar.gz"]
    ran = mme(*made_by_boto3, "--bucket", BUCKET, "models", "list")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: --bucket is given without --prefix")
    whole = mme(*made_by_boto3, "--bucket", BUCKET, "--prefix", "/", "models", "list", "--json").json
    assert [one["model"] for one in whole] == ["other/b_v0.tar.gz"]
    monkeypatch.setenv("MME_ENDPOINT_NAME", "by-boto3")
    assert [one["model"] for one in mme("models", "list", "--json").json] == ["a_v0.tar.gz"]
    monkeypatch.setenv("MME_ENDPOINT_NAME", "nothing")
    assert "endpoint nothing does not exist in us-east-1" in mme("models", "list").err
    monkeypatch.delenv("MME_ENDPOINT_NAME")
    assert "given without its endpoint" in mme("--bucket", BUCKET, "models", "list").err
    assert "'s3://x' can't be the bucket" in mme("--bucket", "s3://x", "models", "list").err


def test_a_stack_and_an_endpoint_can_not_both_be_named(
    mme: Callable, made_by_boto3: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = mme("--stack", STACK, *made_by_boto3, "models", "list")
    assert (ran.status, ran.err.splitlines()) == (
        2,
        ["error: --stack and --endpoint-name both name the deployment", "give one of them"],
    )
    monkeypatch.setenv("MME_STACK", STACK)
    assert mme(*made_by_boto3, "models", "list").status == 0


def test_settings_by_variables_and_flags_win(
    mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MME_ENV", "nowhere")
    monkeypatch.setenv("MME_STACK", STACK)
    assert mme("endpoint", "status").status == 0
    assert "stack other does not exist" in mme("--stack", "other", "endpoint", "status").err
    monkeypatch.setenv("MME_REGION", "eu-west-1")
    assert "does not exist in eu-west-1" in mme("endpoint", "status").err
    assert mme("--region", "us-east-1", "endpoint", "status").status == 0
    monkeypatch.setenv("MME_PROFILE", "no-such-profile")
    assert "no-such-profile" in mme("endpoint", "status").err


def test_status(mme: Callable, clients: AwsClients) -> None:
    ran = mme("endpoint", "status")
    assert ran.status == 0, ran.err
    assert "Endpoint mme-dev InService" in "\n".join(ran.rows)
    assert any(
        row.startswith("Variant AllTraffic: 1 of 1 ml.m5.xlarge, scales from 1 to 4") for row in ran.rows
    )
    assert f"as in {STACK}" in ran.rows
    # Nothing was called: CloudWatch knows nothing.
    assert {"Models no data", "Cache hits no data", "Last hour no data"} <= set(ran.rows)
    assert "\x1b" not in ran.out
    assert mme("endpoint", "status", "--json").json["drifted"] is False
    assert "--watch needs a terminal" in mme("endpoint", "status", "--watch").err


class Terminal:
    """A user who types a line."""

    def __init__(self, typed: str) -> None:
        self.typed = typed

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.typed


def drift(clients: AwsClients) -> str:
    before = clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    config = clients.sagemaker.describe_endpoint_config(EndpointConfigName=before)
    clients.sagemaker.create_endpoint_config(
        EndpointConfigName="by-hand", ProductionVariants=config["ProductionVariants"]
    )
    clients.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="by-hand")
    return before


def test_status_fits_a_terminal_and_names_a_silent_rollback(
    mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    before = drift(clients)
    ran = mme("endpoint", "status")
    assert ran.rows[0].startswith("✗ it runs config by-hand, but its stack says")
    assert f"not {before}, as in {STACK}" in " ".join(ran.rows)
    assert max(map(len, ran.out.splitlines())) <= 80


def test_rollback(mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drift(clients)
    refused = mme("endpoint", "rollback")
    assert refused.status == 2
    assert "can't ask for confirmation" in refused.err
    assert "by-hand" in refused.out
    assert before in refused.out
    assert clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == "by-hand"
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert "not confirmed: nothing was changed" in mme("endpoint", "rollback").err
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    ran = mme("endpoint", "rollback")
    assert ran.status == 0, ran.err
    assert "Roll mme-dev back? [y/N]" in ran.err
    assert ran.rows[-1] == f"done mme-dev runs {before}"
    assert "CloudFormation does not know of this" in ran.err
    again = mme("endpoint", "rollback", "--to", "by-hand", "--yes", "--json")
    assert again.json == {"endpoint": ENDPOINT, "from": before, "to": "by-hand", "status": "InService"}


@pytest.mark.usefixtures("log")
def test_logs_of_one_model(mme: Callable, clients: AwsClients) -> None:
    ran = mme("endpoint", "logs", "--model", "broken_v0.tar.gz", "--since", "10m")
    assert ran.status == 0, ran.err
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} i-0abc I Loading SageMaker TargetModel: broken", ran.rows[0])
    assert "alpha" not in ran.out
    assert "\x1b" not in ran.out
    lines = mme("endpoint", "logs", "--model", "tenant-a/*", "--json").out.splitlines()
    assert {json.loads(line)["model"] for line in lines} == {"tenant-a/beta_v1.tar.gz"}
    errors = mme("endpoint", "logs", "--errors", "--json").out.splitlines()
    assert {json.loads(line)["level"] for line in errors} == {"W", "E"}
    nothing = mme("endpoint", "logs", "--model", "other.tar.gz")
    assert nothing.err.startswith("no lines of other.tar.gz since")
    assert "hint" not in nothing.err
    assert "use the model's full name: alpha_v0.tar.gz" in mme("endpoint", "logs", "--model", "alpha").err
    clients.s3.put_object(Bucket=BUCKET, Key="models/broken_v0.tar.gz", Body=b"x")
    assert mme("endpoint", "logs", "--model", "broken").out == ran.out, "a name is its newest version"


def test_following_ends_with_ctrl_c(
    mme: Callable, clients: AwsClients, log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    ran = mme("endpoint", "logs", "--follow", "--model", "config_v0.tar.gz")
    assert ran.status == 130
    assert "nosuch" in ran.out
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("log")
def test_top(mme: Callable, clients: AwsClients) -> None:
    ran = mme("endpoint", "top")
    assert ran.status == 0, ran.err
    assert re.match(r"alpha_v0\.tar\.gz 5 2 0 2 \d\.\d\d s", ran.rows[1])
    few = mme("endpoint", "top", "--count", "1")
    assert (len(few.rows), few.err.startswith("... 4 more models")) == (2, True)
    busiest = mme("endpoint", "top", "--json").json[0]
    assert (busiest["model"], busiest["invocations"]) == ("alpha_v0.tar.gz", 5)
    assert mme("endpoint", "top", "--since", "1s").err.startswith("no models")


def test_metrics(mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minutes in range(1, 30):
        put_metric(
            clients, "AWS/SageMaker", "Invocations", now - timedelta(minutes=minutes), *[1.0] * minutes
        )
    ran = mme("endpoint", "metrics", "--since", "1h")
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "Invocations Sum per 1 min least 1, most 29"
    assert "no data" in ran.err
    assert "ModelLatency" in ran.err
    assert "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    series = mme("endpoint", "metrics", "--metric", "invocations", "--json").json
    assert [(one["metric"], len(one["points"])) for one in series] == [("Invocations", 29)]
    assert "not a metric of a multi-model endpoint" in mme("endpoint", "metrics", "--metric", "x").err


def test_doctor(mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = mme("endpoint", "doctor")
    assert ran.status == 0, ran.out
    assert "✓ stack" in ran.out
    assert "→ mme models add PATH" in ran.out
    assert ran.rows[-1] == "no errors, 3 warnings"
    assert max(map(len, ran.out.splitlines())) <= 80
    assert not any(line.endswith(" ") for line in ran.out.splitlines())
    findings = mme("endpoint", "doctor", "--json").json
    assert {one["check"] for one in findings} >= {"credentials", "archives"}
    drift(clients)
    broken = mme("endpoint", "doctor", "--archives", "0")
    assert (broken.status, broken.rows[-1]) == (2, "1 error, 3 warnings")
    assert "→ see why it was rolled back: mme endpoint logs --errors" in broken.out


def test_clean(mme: Callable, clients: AwsClients) -> None:
    clients.s3.put_object(Bucket=BUCKET, Key="models/a_v0.tar.gz", Body=b"x")
    shown = mme("endpoint", "clean", "--dry-run")
    assert shown.status == 0
    assert any(row.startswith(f"stack {STACK} Endpoint, EndpointConfig, Model") for row in shown.rows)
    assert "stays 1 models at s3://models/models/: --models deletes them too" in shown.rows
    unconfirmed = mme("endpoint", "clean", "--models")
    assert unconfirmed.status == 2
    assert "can't ask for confirmation" in unconfirmed.err
    would = mme("endpoint", "clean", "--store", "--dry-run", "--json").json["would_delete"]
    assert would["stacks"] == [STACK, STORE]
    assert would["objects"][0]["objects"] == 1
    assert clients.sagemaker.list_endpoints()["Endpoints"]
    ran = mme("endpoint", "clean", "--yes")
    assert ran.status == 0, ran.err
    assert ran.rows[-1] == f"done {STACK} is deleted"
    # What an interruption would have left goes with the same command.
    rest = mme("endpoint", "clean", "--store", "--yes")
    assert rest.rows[-1] == f"done {STORE} is deleted"
    assert "deleted models in s3://models/models/" in rest.err
    gone = mme("endpoint", "clean", "--yes")
    assert (gone.status, "nothing is left of this deployment" in gone.err) == (2, True)


def test_clean_wants_the_stacks_name_typed(
    mme: Callable, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("mme-prod-serving\n"))
    ran = mme("endpoint", "clean")
    assert ran.status == 2
    assert "'mme-prod-serving' is not mme-dev-serving: nothing was deleted" in ran.err
    assert clients.sagemaker.list_endpoints()["Endpoints"]
    monkeypatch.setattr("sys.stdin", Terminal(f"{STACK}\n"))
    assert mme("endpoint", "clean").status == 0
    assert not clients.sagemaker.list_endpoints()["Endpoints"]

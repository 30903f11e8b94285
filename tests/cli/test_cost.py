"""`mme cost`: endpoints compared, assemblies priced, prices read from AWS."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.plan.cost.test_price_list import product


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


EXAMPLE = ("cost", "--models", 10, "--type", "ml.g5.xlarge", "--price", "ml.g5.xlarge=1.41")


def test_the_usual_example(mme) -> None:
    ran = mme(*EXAMPLE)
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "10 models in us-east-1, 720 hours, USD on demand"
    assert "10 endpoints, 1 each 10 14.10 10,152" in ran.rows
    assert "multi-model endpoint 1 1.41 1,015 90 %" in ran.rows
    assert "multi-model endpoint 2 to 4 2.82 to 5.64 2,030 to 4,061 80 to 90 %" in ran.rows
    assert "ml.g5.xlarge: 1.41 USD an hour (given)" in ran.rows


def test_the_same_as_json_and_csv(mme) -> None:
    found = mme(*EXAMPLE, "--json").json
    assert (found["models"], found["region"], found["hours"]) == (10, "us-east-1", 720)
    assert [one["min_usd"] for one in found["setups"]] == [10152.0, 1015.2, 20304.0, 2030.4]
    assert found["setups"][1]["min_saving"] == 0.9
    rows = list(csv.DictReader(io.StringIO(mme(*EXAMPLE, "--csv").out)))
    assert [row["min_usd"] for row in rows] == ["10152.0", "1015.2", "20304.0", "2030.4"]
    assert rows[0]["max_saving"] == ""


def test_region_and_date_of_the_price_are_shown(mme) -> None:
    ran = mme("--region", "eu-west-1", "cost", "--models", 3, "--min-instances", 1, "--max-instances", 1)
    assert "3 models in eu-west-1, 720 hours, USD on demand" in ran.rows
    assert any("price of us-east-1 (2025): there is none of eu-west-1" in row for row in ran.rows)
    setup = mme("cost", "--models", 3, "--json").json["setups"][0]
    assert (setup["price_region"], setup["price_date"], setup["price_assumption"]) == (
        "us-east-1",
        "2025",
        "",
    )


def test_the_configured_region_counts_also_for_the_local_environment(mme, monkeypatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert mme("cost", "--models", 3).rows[0].startswith("3 models in eu-central-1")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ((), "the number of models is missing", "--models N"),
        (("--models", "0"), "0 models can't be hosted", "--models 10"),
        (("--models", "-1"), "-1 models can't be hosted", "--models 10"),
        (("--models", "x"), "invalid value", "mme cost --help"),
        (("--models", "3", "--hours", "-1"), "-1 hours", "--hours 720"),
        (("--models", "3", "--min-instances", "0"), "does not scale to zero", "--min-instances 2"),
        (("--models", "3", "--type", "ml.g5.xlrage"), "not a SageMaker hosting", "ml.g5.xlarge"),
        (
            ("--models", "3", "--type", "ml.r7i.large"),
            "no price of ml.r7i.large",
            "refresh-prices ml.r7i.large",
        ),
        (("--models", "3", "--price", "ml.g5.xlarge"), "is not a price", "--price ml.g5.xlarge=1.41"),
        (("--models", "3", "--price", "ml.g5=2"), "ml.g5 is not a SageMaker hosting", "ml.g5"),
        (("--models", "3", "--json", "--csv"), "--json and --csv", "one of them"),
        (("--models", "3", "--assembly", "x"), "two questions", "one of them"),
        (("--assembly", "nowhere"), "no cloud assembly in nowhere", "cdk synth"),
        (("refresh-prices", "ml.g5.xlrage"), "not a SageMaker hosting", "ml.g5.xlarge"),
    ],
)
def test_bad_input_is_one_line_and_a_hint(mme, arguments, message, hint) -> None:
    ran = mme("cost", *arguments)
    error, fix = ran.err.splitlines()
    assert ran.status == 2
    assert ran.out == ""
    assert message in error
    assert hint in fix


def test_a_region_that_is_none(mme) -> None:
    ran = mme("--region", "nowhere", "cost", "--models", 3)
    assert ran.status == 2
    assert ran.err.splitlines() == [
        "error: 'nowhere' is not an AWS region",
        "give one such as --region us-east-1",
    ]


def test_the_hint_of_a_missing_price_repeats_the_flags(mme) -> None:
    ran = mme("--region", "eu-west-1", "cost", "--models", 3, "--type", "ml.r7i.large")
    assert "mme --region eu-west-1 cost refresh-prices ml.r7i.large" in ran.err


def test_a_price_file_of_another_shape(mme, tmp_path, monkeypatch) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"ml.g5.xlarge": 1}')
    monkeypatch.setenv("MME_PRICES", str(file))
    ran = mme("cost", "--models", 3)
    assert ran.status == 2
    assert ran.err.splitlines()[0] == f'error: {file} is not a price file: it has no list "prices"'


@pytest.fixture
def price_list_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The Price List API on localhost; yields the requests that it got."""
    requests: list[dict[str, Any]] = []

    @Request.application
    def application(request: Request) -> Response:
        assert request.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
        requests.append(request.get_json(force=True))
        body = {"FormatVersion": "aws_v1", "PriceList": [product("ml.m5.xlarge", "0.2500000000")]}
        return Response(json.dumps(body), content_type="application/x-amz-json-1.1")

    server = make_server("127.0.0.1", 0, application)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("MME_ENDPOINT_URL", f"http://localhost:{server.server_port}")
    yield requests
    server.shutdown()
    thread.join()


def test_prices_are_refreshed_and_used(mme, price_list_api, tmp_path) -> None:
    file = tmp_path / "data" / "mme" / "prices.json"
    ran = mme("cost", "refresh-prices")
    assert ran.status == 0, ran.err
    assert ran.rows == [f"done 1 price of us-east-1 in {file}", "ml.m5.xlarge 0.23 -> 0.25 USD an hour"]
    assert {one["Field"]: one["Value"] for one in price_list_api[0]["Filters"]} == {
        "productFamily": "ML Instance",
        "platoinstancetype": "Hosting",
        "regionCode": "us-east-1",
    }
    setup = mme("cost", "--models", 2, "--type", "ml.m5.xlarge", "--json").json["setups"][0]
    assert setup["usd_per_instance_hour"] == 0.25
    assert setup["price_source"] == "AWS Price List API"


def test_a_refresh_of_one_type_as_json(mme, price_list_api, tmp_path, monkeypatch) -> None:
    file = tmp_path / "own" / "prices.json"
    monkeypatch.setenv("MME_PRICES", str(file))
    ran = mme("cost", "refresh-prices", "ml.m5.xlarge", "--json")
    assert ran.json == {
        "region": "us-east-1",
        "prices": {"ml.m5.xlarge": 0.25},
        "file": str(file),
        "changed": {"ml.m5.xlarge": {"from": 0.23, "to": 0.25}},
    }
    assert file.exists()


def test_a_refresh_that_reaches_nothing_writes_nothing(mme, tmp_path) -> None:
    ran = mme("cost", "refresh-prices")
    assert ran.status == 2
    assert not (tmp_path / "data").exists()


def resources(type: str = "ml.m5.xlarge", name: str = "mme-dev", most: int = 4) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "InstanceType": type,
        "InitialInstanceCount": 2,
        "ModelName": "m",
    }
    return {
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {"ProductionVariants": [variant]},
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": name,
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            },
        },
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "MinCapacity": 2,
                "MaxCapacity": most,
                "ResourceId": {
                    "Fn::Join": [
                        "",
                        ["endpoint/", {"Fn::GetAtt": ["Endpoint", "EndpointName"]}, "/variant/AllTraffic"],
                    ]
                },
            },
        },
    }


@pytest.fixture
def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`cdk.out` with the environments local, dev and prod; dev has a type without a price."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cdk.out"
    artifacts: dict[str, Any] = {}
    for stage, type in (("local", "ml.m5.xlarge"), ("dev", "ml.m5.xlarge"), ("prod", "ml.r7i.large")):
        nested = folder / f"assembly-{stage}"
        nested.mkdir(parents=True)
        (nested / "t.json").write_text(json.dumps({"Resources": resources(type, f"mme-{stage}")}))
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/us-east-1",
            "displayName": f"{stage}/Serving",
            "properties": {"templateFile": "t.json", "stackName": f"mme-{stage}-serving"},
        }
        (nested / "manifest.json").write_text(json.dumps({"artifacts": {"Serving": stack}}))
        artifacts[stage] = {"type": "cdk:cloud-assembly", "properties": {"directoryName": nested.name}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def test_each_environment_of_an_assembly_has_a_range(mme, assembly) -> None:
    ran = mme("cost", "--assembly", "cdk.out")
    assert ran.status == 0, ran.err
    assert ran.rows[0] == "ENDPOINT TYPE INSTANCES USD"
    assert "dev/Serving mme-dev ml.m5.xlarge 2 to 4 331 to 662" in ran.rows
    assert "prod/Serving mme-prod ml.r7i.large 2 to 4 no price" in ran.rows
    assert "total 331 to 662 USD for 720 hours" in ran.rows
    assert ran.err.splitlines() == [
        "free local/Serving runs on this machine",
        "no price of ml.r7i.large: run mme cost refresh-prices ml.r7i.large, "
        "or give --price ml.r7i.large=USD",
        "not compared dev/Serving, prod/Serving: nothing answers at http://localhost:9: "
        "the local endpoint does not run there",
    ]


def test_one_environment_with_a_given_price(mme, assembly) -> None:
    ran = mme("--env", "prod", "cost", "-a", assembly, "--price", "ml.r7i.large=1", "--hours", 10, "--json")
    (found,) = ran.json["variants"]
    assert found["planned"] == {
        "instance_type": "ml.r7i.large",
        "instances": {"min": 2, "max": 4},
        "usd": {"min": 20, "max": 40},
    }
    assert (found["compared"], found["deployed"], found["change_usd"]) == (False, None, None)


@pytest.fixture
def deployed(aws: Any) -> Any:
    """A smaller dev endpoint is deployed and scales from 1 to 2."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    sagemaker = boto3.client("sagemaker", endpoint_url=aws.meta.endpoint_url, **keys)
    role = "arn:aws:iam::123456789012:role/x"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant = resources()["Config"]["Properties"]["ProductionVariants"][0]
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="mme-dev", EndpointConfigName="c")
    scaling = boto3.client("application-autoscaling", endpoint_url=aws.meta.endpoint_url, **keys)
    scaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/mme-dev/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=2,
    )


@pytest.mark.usefixtures("deployed")
def test_the_difference_to_what_is_deployed(mme, assembly) -> None:
    ran = mme("cost", "--assembly", assembly, "--price", "ml.r7i.large=1")
    assert ran.rows[0] == "ENDPOINT TYPE INSTANCES USD DEPLOYED CHANGE"
    assert "dev/Serving mme-dev ml.m5.xlarge 2 to 4 331 to 662 1 to 2 +166 to +331" in ran.rows
    assert "prod/Serving mme-prod ml.r7i.large 2 to 4 1,440 to 2,880 nothing +1,440 to +2,880" in ran.rows
    assert "not compared" not in ran.err
    rows = list(csv.DictReader(io.StringIO(mme("cost", "-a", assembly, "--csv").out)))
    assert [(row["stack"], row["change_usd_max"]) for row in rows] == [
        ("dev/Serving", "331.2"),
        ("prod/Serving", ""),
    ]


@pytest.mark.usefixtures("deployed")
def test_the_account_of_the_assembly_must_be_that_of_the_credentials(mme, assembly) -> None:
    file = assembly / "assembly-dev" / "manifest.json"
    file.write_text(file.read_text().replace("unknown-account", "111111111111"))
    ran = mme("--env", "dev", "cost", "--assembly", assembly)
    assert "not compared dev/Serving: the credentials are for account 123456789012, not for 111" in ran.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not the manifest of a cloud assembly"),
        ('{"artifacts": []}', "is not the manifest of a cloud assembly"),
        ('{"artifacts": {"a": 1}}', "is not the manifest of a cloud assembly"),
        ('{"artifacts": {"a": {"type": "cdk:cloud-assembly"}}}', "is not the manifest of a cloud assembly"),
        (
            '{"artifacts": {"a": {"type": "aws:cloudformation:stack", "properties": {}}}}',
            "is not the manifest",
        ),
        (
            '{"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}}}',
            "itself",
        ),
        ("{", "can't be read"),
        ('{"artifacts": {}}', "has no AWS::SageMaker::Endpoint"),
    ],
)
def test_a_folder_that_is_not_an_assembly(mme, tmp_path, content, message) -> None:
    (tmp_path / "manifest.json").write_text(content)
    ran = mme("cost", "--assembly", tmp_path)
    assert ran.status == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 2


@pytest.mark.parametrize("template", ["[]", '{"Resources": []}', '{"Resources": {"A": 1}}'])
def test_a_template_that_is_not_one(mme, assembly, template) -> None:
    (assembly / "assembly-dev" / "t.json").write_text(template)
    ran = mme("cost", "--assembly", assembly)
    assert ran.status == 2
    assert "is not a CloudFormation template" in ran.err


def test_an_environment_that_the_assembly_lacks(mme, assembly) -> None:
    ran = mme("--env", "staging", "cost", "--assembly", assembly)
    assert ran.status == 2
    assert "has no stack of the environment staging" in ran.err


def test_a_template_with_an_unknown_type_is_refused(mme, assembly) -> None:
    file = assembly / "assembly-dev" / "t.json"
    file.write_text(file.read_text().replace("ml.m5.xlarge", "ml.m5.xlrage"))
    ran = mme("cost", "--assembly", assembly)
    assert ran.status == 2
    assert "did you mean ml.m5.xlarge or ml.m5d.xlarge or ml.m5.4xlarge?" in ran.err

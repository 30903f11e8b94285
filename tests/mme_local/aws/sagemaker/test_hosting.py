"""SageMaker's hosting API by plain boto3."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mme_local.aws import control_plane

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/mme/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture
def sagemaker(aws: Any) -> Any:
    return aws("sagemaker")


@pytest.fixture
def config(sagemaker: Any) -> Any:
    """Make a model and a configuration of one variant: `config("name", count=1)`."""

    def make(
        name: str, count: int = 1, instance_type: str = "ml.g5.xlarge", variant: str = "AllTraffic"
    ) -> None:
        container = {"Image": "image:1", "Mode": "MultiModel", "ModelDataUrl": "s3://models/all/"}
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=f"arn:aws:iam::123456789012:role/{name}", Containers=[container]
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": variant,
                    "ModelName": name,
                    "InstanceType": instance_type,
                    "InitialInstanceCount": count,
                    "InitialVariantWeight": 1,
                }
            ],
        )

    return make


def instance_count(sagemaker: Any) -> int:
    return int(
        sagemaker.describe_endpoint(EndpointName="mme")["ProductionVariants"][0]["CurrentInstanceCount"]
    )


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.g6e.2xlarge", "ml.p5.4xlarge", "ml.m5.xlarge"])
def test_current_instance_types_are_accepted(config: Any, sagemaker: Any, instance_type: str) -> None:
    config("one", instance_type=instance_type)

    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName="one")["ProductionVariants"]
    assert variant["InstanceType"] == instance_type


def test_all_members_of_a_create_request_are_described(sagemaker: Any) -> None:
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
    containers = [{"Image": "a"}, {"Image": "b"}]
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r-of-some-length",
        Containers=containers,
        InferenceExecutionConfig={"Mode": "Direct"},
        EnableNetworkIsolation=True,
        VpcConfig=vpc,
    )

    described = sagemaker.describe_model(ModelName="m")

    assert described["Containers"] == containers
    assert described["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert described["EnableNetworkIsolation"] is True
    assert described["VpcConfig"] == vpc
    assert "PrimaryContainer" not in described


def test_an_endpoint_takes_a_new_configuration(config: Any, sagemaker: Any) -> None:
    config("one")
    config("two", count=3)
    made = sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    before = control_plane.resolve_endpoint("mme")
    updated = sagemaker.update_endpoint(EndpointName="mme", EndpointConfigName="two")

    assert updated["EndpointArn"] == made["EndpointArn"] == f"{ARN}:endpoint/mme"
    described = sagemaker.describe_endpoint(EndpointName="mme")
    assert (described["EndpointConfigName"], described["EndpointStatus"]) == ("two", "InService")
    [variant] = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (3, 3)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "image:1"
    after = control_plane.resolve_endpoint("mme")
    assert before is not None
    assert after is not None
    assert after.revision != before.revision


def test_scaling_changes_only_the_count(config: Any, sagemaker: Any) -> None:
    config("one")
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    before = control_plane.resolve_endpoint("mme")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="mme",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}],
    )

    [variant] = sagemaker.describe_endpoint(EndpointName="mme")["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (4, 1.0)
    after = control_plane.resolve_endpoint("mme")
    assert before is not None
    assert after is not None
    assert after.variants[0].instance_count == 4
    assert after.revision == before.revision


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 2),
        ({"RetainAllVariantProperties": True}, 5),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            2,
        ),
    ],
)
def test_an_update_retains_live_counts_on_request(
    config: Any, sagemaker: Any, options: dict[str, Any], count: int
) -> None:
    config("one")
    config("two", count=2)
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    live = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 5}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="mme", DesiredWeightsAndCapacities=live)

    sagemaker.update_endpoint(EndpointName="mme", EndpointConfigName="two", **options)

    assert instance_count(sagemaker) == count


@pytest.mark.parametrize("other", [{"instance_type": "ml.g5.2xlarge"}, {"variant": "Renamed"}])
def test_a_scalable_target_forbids_another_instance_type_or_removal(
    config: Any, sagemaker: Any, aws: Any, other: dict[str, str]
) -> None:
    config("one")
    config("two", **other)
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    scaling = aws("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)

    with pytest.raises(sagemaker.exceptions.ClientError) as refused:
        sagemaker.update_endpoint(EndpointName="mme", EndpointConfigName="two")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"] == (
        'The variant(s) "["AllTraffic"]" must be deregistered as scalable target(s) with AWS Application '
        "Auto Scaling before they can be removed or have their instance type updated."
    )
    scaling.deregister_scalable_target(**TARGET)
    sagemaker.update_endpoint(EndpointName="mme", EndpointConfigName="two")


def test_a_deleted_endpoint_is_deregistered_from_scaling(config: Any, sagemaker: Any, aws: Any) -> None:
    config("one")
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    scaling = aws("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    scaling.put_scheduled_action(
        **TARGET, ScheduledActionName="a", Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 1}
    )

    sagemaker.delete_endpoint(EndpointName="mme")

    namespace = {"ServiceNamespace": "sagemaker"}
    assert scaling.describe_scalable_targets(**namespace)["ScalableTargets"] == []
    assert scaling.describe_scheduled_actions(**namespace)["ScheduledActions"] == []


def test_an_endpoint_survives_the_deletion_of_its_config_and_model(config: Any, sagemaker: Any) -> None:
    config("one")
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")
    sagemaker.delete_endpoint_config(EndpointConfigName="one")
    sagemaker.delete_model(ModelName="one")

    deployed = control_plane.resolve_endpoint("mme")
    assert deployed is not None
    assert deployed.variants[0].containers[0].image == "image:1"


@pytest.mark.parametrize(
    ("operation", "names", "message"),
    [
        ("describe_endpoint", ["no"], f'Could not find endpoint "{ARN}:endpoint/no".'),
        ("delete_endpoint", ["no"], f'Could not find endpoint "{ARN}:endpoint/no".'),
        ("update_endpoint", ["no", "one"], f'Could not find endpoint "{ARN}:endpoint/no".'),
        (
            "update_endpoint",
            ["mme", "no"],
            f'Could not find endpoint configuration "{ARN}:endpoint-config/no".',
        ),
        (
            "create_endpoint",
            ["new", "no"],
            f'Could not find endpoint configuration "{ARN}:endpoint-config/no".',
        ),
        (
            "create_endpoint",
            ["mme", "one"],
            f'Cannot create already existing endpoint "{ARN}:endpoint/mme".',
        ),
    ],
)
def test_errors_have_the_messages_of_aws(
    config: Any, sagemaker: Any, operation: str, names: list[str], message: str
) -> None:
    config("one")
    sagemaker.create_endpoint(EndpointName="mme", EndpointConfigName="one")

    with pytest.raises(sagemaker.exceptions.ClientError) as refused:
        getattr(sagemaker, operation)(
            **dict(zip(("EndpointName", "EndpointConfigName"), names, strict=False))
        )

    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"] == message


@pytest.mark.parametrize("option", ["KmsKeyId", "VolumeSizeInGB"])
def test_a_type_with_local_storage_takes_no_volume_options(config: Any, sagemaker: Any, option: str) -> None:
    config("one")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "one",
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1,
    }
    request: dict[str, Any] = {"EndpointConfigName": "two", "ProductionVariants": [variant]}
    (request if option == "KmsKeyId" else variant)[option] = "key" if option == "KmsKeyId" else 50

    with pytest.raises(sagemaker.exceptions.ClientError, match=f"{option} cannot be specified"):
        sagemaker.create_endpoint_config(**request)
    variant["InstanceType"] = "ml.m5.xlarge"
    sagemaker.create_endpoint_config(**request)


def test_models_are_listed_by_name_and_time_in_pages(sagemaker: Any, config: Any) -> None:
    for name in ("churn-b", "churn-a", "fraud"):
        config(name)
    request = {"NameContains": "CHURN", "MaxResults": 1, "SortBy": "Name", "SortOrder": "Ascending"}
    first = sagemaker.list_models(**request)
    second = sagemaker.list_models(**request, NextToken=first["NextToken"])
    assert [one["ModelName"] for page in (first, second) for one in page["Models"]] == ["churn-a", "churn-b"]
    assert "NextToken" not in second
    (created,) = (one["CreationTime"] for one in sagemaker.list_models(NameContains="fraud")["Models"])
    assert sagemaker.list_models(CreationTimeAfter=created + timedelta(days=1))["Models"] == []
    assert len(sagemaker.list_models(CreationTimeBefore=created + timedelta(days=1))["Models"]) == 3


VARIANT = {"VariantName": "A", "ModelName": "m", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
SERVERLESS = {
    "VariantName": "A",
    "ModelName": "m",
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
}
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://b/out/"}}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"ProductionVariants": [VARIANT, VARIANT]}, "Production variant names must be unique: A"),
        ({"ProductionVariants": [VARIANT], "AsyncInferenceConfig": ASYNC}, "not supported for .*MultiModel"),
        ({"ProductionVariants": [SERVERLESS]}, 'ServerlessConfig of variant "A" is not supported with'),
        (
            {"ProductionVariants": [{**VARIANT, "InitialInstanceCount": 0}]},
            "1 validation error detected: Value '0' at 'productionVariants.1.member.initialInstanceCount' "
            "failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"ProductionVariants": [{**VARIANT, "InstanceType": "ml.huge"}, *[VARIANT] * 10]},
            "2 validation errors detected: Value .*'productionVariants' .*length less than or equal to 10; "
            "Value 'ml.huge' at .*enum value set: .ml.c4.2xlarge, ",
        ),
        ({}, "Value null at 'productionVariants' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_configs_that_sagemaker_refuses(
    aws_environment: dict[str, str], config: Any, request_: dict[str, Any], reason: str
) -> None:
    config("m")
    # Some of it boto3 refuses itself; other clients send it.
    unchecked = boto3.client(
        "sagemaker",
        endpoint_url=aws_environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
        unchecked.create_endpoint_config(EndpointConfigName="refused", **request_)


def test_names_of_endpoints_differ_in_more_than_case(sagemaker: Any, config: Any) -> None:
    config("one")
    sagemaker.create_endpoint(EndpointName="Fraud", EndpointConfigName="one")
    with pytest.raises(ClientError, match=r'Cannot create already existing endpoint ".*:endpoint/Fraud"'):
        sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="one")
    with pytest.raises(ClientError, match=r'Could not find endpoint ".*:endpoint/fraud"'):
        sagemaker.describe_endpoint(EndpointName="fraud")


def test_a_multi_model_container_needs_a_place(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="MultiModel mode needs ModelDataUrl"):
        sagemaker.create_model(
            ModelName="m",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/m",
            PrimaryContainer={"Image": "image:1", "Mode": "MultiModel"},
        )


@pytest.mark.parametrize(
    "name", ["endpoint/other", "model/other", "no-such-kind/x", "endpoint/a/b", "endpoint"]
)
def test_tags_of_what_does_not_exist(sagemaker: Any, name: str) -> None:
    arn = f"{ARN}:{name}"
    with pytest.raises(ClientError, match=f'ValidationException.*Could not find resource "{arn}"'):
        sagemaker.list_tags(ResourceArn=arn)
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])


def test_a_tag_has_one_value(config: Any, sagemaker: Any) -> None:
    config("one")
    arn = f"{ARN}:model/one"
    for value in ("a", "b"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": value}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "b"}]

"""The status of an endpoint on embedded AWS: healthy, drifted, busy, alarmed, and half readable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mme.aws.clients import AwsClients
from mme.errors import MmeError
from mme.operate.discovery import Deployment
from mme.operate.status import EndpointStatus, read_status
from tests.operate.deployment import DEPLOYMENT, deny
from tools.sample_deployment import (
    ENDPOINT,
    alarm_resource,
    deploy,
    put_metric,
    serving_template,
    update_by_hand,
)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
COUNTS, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"


def texts(found: EndpointStatus) -> tuple[str, ...]:
    return tuple(fault.message for fault in found.faults)


def test_all_is_well(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    found = read_status(clients, DEPLOYMENT)
    (variant,) = found.endpoint.variants
    assert (variant.current, variant.desired, variant.instance_type) == (1, 1, "ml.m5.xlarge")
    assert variant.images == (
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3-cpu",
    )
    assert found.endpoint.status == "InService"
    assert found.stack is not None
    assert found.stack.config == found.endpoint.config
    (scaling,) = found.scaling
    assert (scaling.minimum, scaling.maximum, scaling.suspended) == (1, 4, False)
    (policy,) = scaling.policies
    assert (policy.metric, policy.target) == ("SageMakerVariantInvocationsPerInstance", 600)
    assert (texts(found), found.unread, found.drifted) == ((), (), False)
    assert found.traffic.loaded_models is None
    assert found.traffic.cache_hit_ratio is None


def test_a_silent_rollback_is_named(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    old = update_by_hand(clients, "by-hand")
    found = read_status(clients, DEPLOYMENT)
    assert found.drifted
    assert texts(found) == (
        f"it runs config by-hand, but its stack says {old}: "
        "an update was rolled back, or someone updated it by hand",
    )


def test_a_config_deleted_by_hand_is_named(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    config = read_status(clients, DEPLOYMENT).endpoint.config
    clients.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    (fault,) = read_status(clients, DEPLOYMENT).faults
    assert fault.message == f"the endpoint config {config} is gone: it was deleted outside CloudFormation"
    assert fault.hint.startswith("the next deployment that changes the config")


def test_an_update_by_the_stack_is_not_drift(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    before = read_status(clients, DEPLOYMENT).endpoint.config
    deploy(clients, serving_template(scaling=False, instance_type="ml.c5.xlarge"))
    found = read_status(clients, DEPLOYMENT)
    assert found.endpoint.config != before
    assert not found.drifted


def test_each_of_two_endpoints_in_a_stack_has_its_own_config(clients: AwsClients) -> None:
    config = {
        "Type": "AWS::SageMaker::EndpointConfig",
        "Properties": {
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                    "InstanceType": "ml.c5.xlarge",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1,
                }
            ]
        },
    }
    endpoint = {
        "Type": "AWS::SageMaker::Endpoint",
        "Properties": {
            "EndpointName": "other",
            "EndpointConfigName": {"Fn::GetAtt": ["OtherConfig", "EndpointConfigName"]},
        },
    }
    deploy(clients, serving_template(OtherConfig=config, OtherEndpoint=endpoint))
    first = read_status(clients, DEPLOYMENT)
    second = read_status(clients, Deployment(DEPLOYMENT.stack, "other", "models", "models/"))
    assert not first.drifted
    assert not second.drifted
    assert first.endpoint.config != second.endpoint.config


def test_the_last_hour(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    minute = NOW - timedelta(minutes=3)
    put_metric(clients, INSTANCES, "LoadedModelCount", minute - timedelta(minutes=1), 4)
    put_metric(clients, INSTANCES, "LoadedModelCount", minute, 5, 2)
    put_metric(clients, COUNTS, "ModelCacheHit", minute, 1, 1, 1)
    put_metric(clients, COUNTS, "ModelCacheHit", minute - timedelta(minutes=30), 0)
    put_metric(clients, COUNTS, "ModelCacheHit", minute - timedelta(minutes=90), 0, 0, 0, 0)
    put_metric(clients, COUNTS, "Invocations", minute, 1, 1, 1, 1)
    put_metric(clients, COUNTS, "Invocation5XXErrors", minute, 0, 1)
    put_metric(clients, COUNTS, "ModelUnloadingTime", minute, 2_000_000, 2_100_000)
    traffic = read_status(clients, DEPLOYMENT, NOW).traffic
    assert traffic.loaded_models == 7
    assert traffic.cache_hit_ratio == 0.75
    assert (traffic.invocations, traffic.server_errors, traffic.client_errors) == (4, 1, None)
    assert traffic.unloads == 2


def test_old_counts_of_models_are_not_called_current(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    put_metric(clients, INSTANCES, "LoadedModelCount", NOW - timedelta(minutes=40), 4)
    assert read_status(clients, DEPLOYMENT, NOW).traffic.loaded_models is None


def test_alarms_of_this_endpoint_ring_and_its_neighbours_do_not(clients: AwsClients) -> None:
    deploy(
        clients,
        serving_template(
            Errors=alarm_resource("errors"),
            Slow=alarm_resource("slow", "ModelLatency"),
            Other=alarm_resource("b", endpoint="b"),
        ),
    )
    clients.cloudwatch.set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="too slow")
    found = read_status(clients, DEPLOYMENT)
    # The neighbour's is in this stack, so it is shown too; another stack's would not be.
    assert [(one.name, one.state) for one in found.alarms][:1] == [("slow", "ALARM")]
    assert texts(found) == ("alarm slow is in state ALARM: too slow",)
    clients.cloudwatch.put_metric_alarm(
        AlarmName="foreign",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Namespace=COUNTS,
        MetricName="Invocations",
        Dimensions=[{"Name": "EndpointName", "Value": "mme-dev-2"}],
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    assert "foreign" not in {one.name for one in read_status(clients, DEPLOYMENT).alarms}


def test_instances_short_and_at_the_limit(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    clients.scaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{ENDPOINT}/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=0,
        MaxCapacity=1,
    )
    found = read_status(clients, DEPLOYMENT)
    assert texts(found) == ("variant AllTraffic has its maximum of 1 instances",)


def test_what_may_not_be_read_is_named_and_the_rest_shown(clients: AwsClients) -> None:
    deploy(clients, serving_template())
    deny(clients.cloudwatch, "GetMetricData", "DescribeAlarms")
    found = read_status(clients, DEPLOYMENT)
    assert sorted(found.unread) == [
        "the alarms: DescribeAlarms is denied: no",
        "the metrics: GetMetricData is denied: no",
    ]
    assert found.endpoint.status == "InService"


def test_an_endpoint_deleted_by_hand(clients: AwsClients) -> None:
    deploy(clients, serving_template(scaling=False))
    clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    with pytest.raises(MmeError, match="mme-dev does not exist in us-east-1, though its stack does"):
        read_status(clients, DEPLOYMENT)

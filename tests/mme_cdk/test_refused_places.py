"""Places, names and schedules refused at synth, by the fault as users read it; `...` leaves text out."""

# mypy: disable-error-code="arg-type, list-item, typeddict-item, typeddict-unknown-key, call-arg"

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aws_cdk import (
    Stack,
    TimeZone,
    aws_ecr,
    aws_iam,
    aws_kms,
    aws_s3,
)
from aws_cdk.aws_applicationautoscaling import Schedule

from mme_cdk import (
    DataCapture,
    ModelStore,
    ServingImage,
)
from tests.mme_cdk.building import (
    ECR,
    XGBOOST,
    Probe,
    assert_refused,
    cpu_endpoint_in,
    endpoint_in,
    imported,
    placed_in,
    scaling_in,
)

NIGHT = Schedule.cron(hour="20")
NOON = datetime(2030, 1, 1, tzinfo=UTC)


def far_bucket(scope: Stack) -> aws_s3.IBucket:
    return aws_s3.Bucket.from_bucket_attributes(scope, "Far", bucket_name="far", region="us-east-1")


def far_key(scope: Stack) -> aws_kms.IKey:
    return aws_kms.Key.from_key_arn(scope, "FarKey", "arn:aws:kms:us-east-1:111122223333:key/1")


def with_role(scope: Stack, arn: str, region: str = "eu-west-1") -> object:
    placed = placed_in(scope, region)
    return endpoint_in(placed, role=aws_iam.Role.from_role_arn(placed, "Role", arn))


def tracked(scope: Stack) -> object:
    """Two policies that track one metric."""
    scaling, metric = scaling_in(scope), imported(scope).metric_model_latency()
    scaling.scale_to_track_metric("One", metric=metric, target_value=1)
    return scaling.scale_to_track_metric("Two", metric=metric, target_value=2)


def invocations_twice(scope: Stack) -> object:
    scaling = scaling_in(scope)
    scaling.scale_on_invocations("One", max_requests_per_second=1)
    return scaling.scale_on_invocations("Two", max_requests_per_second=2)


def monitored_twice(scope: Stack) -> object:
    endpoint = endpoint_in(scope)
    endpoint.add_monitoring()
    return endpoint.add_monitoring("Again")


def named_twice(scope: Stack) -> object:
    for place in (placed_in(scope), placed_in(scope, id="Again")):
        endpoint_in(place, endpoint_name="Fraud")
    return None


def same_dashboard(scope: Stack) -> None:
    """Endpoints of one name in two regions, each monitored."""
    for region in ("us-east-1", "eu-west-1"):
        endpoint_in(placed_in(scope, region), endpoint_name="mine").add_monitoring()


NAMES_AND_SCHEDULES: dict[str, Probe] = {
    "policy One tracks Average of ModelLatency already; ...for each statistic of a metric": tracked,
    "policy One tracks InvocationsPerInstance already; AWS allows one": invocations_twice,
    "alarm name ...-server-errors-critical is taken by ...Endpoint/Monitoring: give name": monitored_twice,
    "dashboard name mine is taken by ...Monitoring, and an account shares its dashboards": same_dashboard,
    "endpoint_name Fraud is already the name of ...Endpoint/Endpoint": named_twice,
    "ml.t2.large is burstable; Application Auto Scaling does not scale": lambda s: endpoint_in(
        s, image=XGBOOST, instance_type="ml.t2.large"
    ).auto_scale_instance_count(max_capacity=2),
    **{
        fault: lambda s, props=props: scaling_in(s).scale_on_schedule(
            props.pop("id", "Night"), **{"schedule": NIGHT, "min_capacity": 1, **props}
        )
        for fault, props in {
            "schedule is every day; must be at(": {"schedule": Schedule.expression("every day")},
            "schedule is cron(0 8 * *); must be": {"schedule": Schedule.expression("cron(0 8 * *)")},
            "time_zone Europe/Berln does not exist: use Europe/B": {"time_zone": TimeZone.of("Europe/Berln")},
            "time_zone  does not exist": {"time_zone": TimeZone.of("")},
            "end_time 2030-01-01 ...is not after start_time 2030": {"end_time": NOON, "start_time": NOON},
            "start_time 2030-01-01 00:00:00 has no time zone: ...tzinfo=UTC": {
                "start_time": NOON.replace(tzinfo=None)
            },
            "schedule 'a:b' is not a valid name: use 1 to 256": {"id": "a:b"},
            "schedule 'a/b' is not a valid name": {"id": "a/b"},
            "schedule ' a' is not a valid name: ...no blank first or last": {"id": " a"},
            f"schedule '{'x' * 257}' is not a valid name": {"id": "x" * 257},
        }.items()
    },
}

PLACES: dict[str, Probe] = {
    "the bucket is in region us-east-1 and the endpoint in eu-west-1": lambda s: endpoint_in(
        stack := placed_in(s), models=ModelStore.from_bucket(far_bucket(stack))
    ),
    "encryption_key is in region us-east-1": lambda s: cpu_endpoint_in(
        stack := placed_in(s), encryption_key=far_key(stack)
    ),
    "the bucket is in region us-east-1": lambda s: endpoint_in(
        stack := placed_in(s), data_capture=DataCapture(bucket=far_bucket(stack), sampling_percentage=1)
    ),
    f"{ECR} is in region eu-west-1; SageMaker in eu-central-1 pulls": lambda s: endpoint_in(
        placed_in(s, "eu-central-1"), image=ServingImage.from_uri(ECR)
    ),
    "the repository is in region us-east-1": lambda s: endpoint_in(
        stack := placed_in(s), image=ServingImage.from_ecr_repository(far_repository(stack))
    ),
    "is of account 444455556666; SageMaker takes roles of its own account": lambda s: with_role(
        s, "arn:aws:iam::444455556666:role/theirs"
    ),
    "is in partition aws-cn, the endpoint in aws": lambda s: with_role(
        s, "arn:aws-cn:iam::111122223333:role/x"
    ),
    "is in partition aws, the endpoint in aws-eusc: use one of aws-eusc": lambda s: with_role(
        s, "arn:aws:iam::111122223333:role/x", "eusc-de-east-1"
    ),
}


def far_repository(scope: Stack) -> aws_ecr.IRepository:
    arn = "arn:aws:ecr:us-east-1:111122223333:repository/server"
    return aws_ecr.Repository.from_repository_arn(scope, "Repository", arn)


REFUSED = {**PLACES, **NAMES_AND_SCHEDULES}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(probe_stack: Stack, fault: str) -> None:
    assert_refused(probe_stack, REFUSED[fault], fault)

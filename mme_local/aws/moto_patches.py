"""Every change made to moto itself, in one place: `apply()` makes them once, before the first request.

Whatever can be done by subclassing moto or by standing beside it is done that way and is not here.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

_NO_ACLS = "BucketOwnerEnforced"
_EVERYBODY = ("*", {"AWS": "*"}, {"AWS": ["*"]})


@cache
def apply() -> None:
    """Make all changes; calling it again changes nothing.

    Raises:
        RuntimeError: moto no longer has what a change relies on.
    """
    _read_no_aws_files()
    _forget_what_is_gone()
    _serve_our_sagemaker()
    _serve_our_iam()
    _serve_our_cloudwatch()
    _judge_bucket_policies_without_conditions()
    _log_to_buckets_without_acls()
    _answer_lookup_events()


def _read_no_aws_files() -> None:
    """Have moto list regions without the user's AWS profile, which need not even exist here."""
    import boto3
    from moto.core.base_backend import AccountSpecificBackend

    from mme_local.aws.clients import bare_session

    if not hasattr(AccountSpecificBackend, "get_session"):
        raise RuntimeError("this release of moto lists its regions otherwise")
    session = boto3.Session(botocore_session=bare_session())
    AccountSpecificBackend.get_session = lambda: session  # type: ignore[method-assign,assignment]


def _forget_what_is_gone() -> None:
    """Let go of records that nothing refers to any more.

    moto lists every instance of its models for its own dashboard, deleted objects and old log lines too,
    until it is reset: a process that serves for days would grow and grow.
    """
    from moto.core.common_models import BaseModel
    from moto.s3.models import FakeKey

    from mme_local.aws.instances import track

    if not isinstance(getattr(FakeKey, "instances_tracked", None), list):
        raise RuntimeError("this release of moto lists its instances elsewhere")

    def new(cls: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
        instance: BaseModel = super(BaseModel, cls).__new__(cls)
        track(cls, instance)
        return instance

    BaseModel.__new__ = new  # type: ignore[method-assign]


def _serve_our_sagemaker() -> None:
    """Have moto make our SageMaker backend for each account and region.

    moto picks a service's backend class by the `backend` attribute of its registry: there is no other way in.
    Ours adds UpdateEndpoint and today's instance types, and answers with AWS's words.
    """
    from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

    from mme_local.aws.sagemaker.backend import EmbeddedSageMaker

    if getattr(sagemaker_backends, "backend", None) is not SageMakerModelBackend:
        raise RuntimeError("this release of moto keeps SageMaker's backend class elsewhere")
    sagemaker_backends.backend = EmbeddedSageMaker


def _serve_our_iam() -> None:
    """Have moto make our IAM backend, in the same way; it knows AWS's own managed policies."""
    from moto.iam.models import IAMBackend, iam_backends

    from mme_local.aws.iam import EmbeddedIam

    if getattr(iam_backends, "backend", None) is not IAMBackend:
        raise RuntimeError("this release of moto keeps IAM's backend class elsewhere")
    iam_backends.backend = EmbeddedIam


def _serve_our_cloudwatch() -> None:
    """Have moto make our CloudWatch backend, in the same way, with percentiles and composite alarms.

    moto's `put_metric_alarm` reads a composite alarm's rule too, but nothing calls it for one.
    """
    from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
    from moto.cloudwatch.responses import CloudWatchResponse

    from mme_local.aws.cloudwatch.backend import EmbeddedCloudWatch
    from mme_local.aws.cloudwatch.responses import get_metric_statistics

    if getattr(cloudwatch_backends, "backend", None) is not CloudWatchBackend:
        raise RuntimeError("this release of moto keeps CloudWatch's backend class elsewhere")
    cloudwatch_backends.backend = EmbeddedCloudWatch
    CloudWatchResponse.get_metric_statistics = get_metric_statistics  # type: ignore[method-assign]
    if not hasattr(CloudWatchResponse, "put_composite_alarm"):
        CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm  # type: ignore[attr-defined]


def _judge_bucket_policies_without_conditions() -> None:
    """Keep a TLS-only bucket policy from denying everything.

    moto judges object requests by the bucket's policy, whoever asks, and takes an unmet condition of a Deny
    for a Deny. `aws:SecureTransport` is the usual one, and a port on localhost is never TLS. Only statements
    about everybody and without conditions are judged here; the policy is stored and described as it was put.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    if not hasattr(FakeBucket, "get_permission"):
        raise RuntimeError("this release of moto judges bucket policies elsewhere")

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        statements = json.loads(self.policy).get("Statement", [])
        judged = [
            statement
            for statement in ([statements] if isinstance(statements, dict) else statements)
            if not statement.get("Condition") and statement.get("Principal") in _EVERYBODY
        ]
        return IAMPolicy(json.dumps({"Statement": judged})).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


def _log_to_buckets_without_acls() -> None:
    """Let a bucket log into one whose policy comes later.

    moto wants the log bucket's policy, or its ACL, to permit log delivery before logging is switched on. S3
    asks that of ACLs only, and a bucket has none unless its ownership controls say so (since April 2023);
    templates make the policy after both buckets.
    """
    from moto.s3.models import FakeBucket

    permitted_by_policy = FakeBucket._log_permissions_enabled_policy

    def log_permissions_enabled(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        # moto calls it a dictionary and keeps the word; None until someone sets it
        ownership: object = target_bucket.ownership_rule or _NO_ACLS
        if ownership == _NO_ACLS:
            return True
        return permitted_by_policy(target_bucket, target_prefix)

    FakeBucket._log_permissions_enabled_policy = staticmethod(log_permissions_enabled)  # type: ignore[method-assign]


def _answer_lookup_events() -> None:
    """Answer CloudTrail's LookupEvents with no events, where moto has no such operation.

    The CDK CLI asks it for the cause of every failed deployment, and retries on a server error.
    """
    from moto.cloudtrail.responses import CloudTrailResponse

    def lookup_events(_: CloudTrailResponse) -> str:
        return json.dumps({"Events": []})

    if not hasattr(CloudTrailResponse, "lookup_events"):
        CloudTrailResponse.lookup_events = lookup_events  # type: ignore[attr-defined]

"""Every patch of moto, in one place: `apply()` makes them once, before the first request.

What a subclass or a service next to moto's can do is not here.
"""

from __future__ import annotations

import gzip
import io
import json
from functools import cache
from typing import Any

from mme.aws.iam_policy import Decision, evaluate
from mme.aws.wildcards import wildcard_match
from mme_local.aws.clients import bare_session

_MOST_DECOMPRESSED = 16 * 1024 * 1024
_NO_ACLS = "BucketOwnerEnforced"
_EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})
_NO_CONTAINERS = "it starts a Docker container, and embedded AWS starts none"


@cache
def apply() -> None:
    """Apply all patches; calling it again changes nothing.

    Raises:
        RuntimeError: moto lacks what a patch relies on.
    """
    _ignore_aws_files()
    _stop_tracking_instances()
    _use_our_backends()
    _ignore_conditional_bucket_policies()
    _refuse_malformed_bucket_policies()
    _allow_logging_to_buckets_without_acls()
    _answer_lookup_events()
    _refuse_unknown_operations()
    _start_no_containers()
    _match_in_linear_time()
    _limit_decompression()


@cache
def use_our_scaling() -> None:
    """Let moto create our Application Auto Scaling; it takes a second to import, so when it is first used."""
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    from mme_local.aws.scaling import EmbeddedScaling

    applicationautoscaling_backends.backend = EmbeddedScaling
    applicationautoscaling_backends.clear()


def _ignore_aws_files() -> None:
    """List regions without the user's AWS profile, which may not even exist here."""
    import boto3
    from moto.core.base_backend import AccountSpecificBackend

    _require(AccountSpecificBackend, "get_session")
    session = boto3.Session(botocore_session=bare_session())
    AccountSpecificBackend.get_session = lambda: session  # type: ignore[method-assign,assignment]


def _stop_tracking_instances() -> None:
    """Stop a memory leak: moto lists all instances of its models, deleted ones too, for its own dashboard."""
    from moto.core.common_models import BaseModel
    from moto.s3.models import FakeKey

    _require(FakeKey, "instances_tracked")

    def new(cls: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
        instance: BaseModel = super(BaseModel, cls).__new__(cls)
        return instance

    BaseModel.__new__ = new  # type: ignore[method-assign]


def _use_our_backends() -> None:
    """Let moto create our backends; their class is the `backend` attribute of moto's registries."""
    from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.iam.models import IAMBackend, iam_backends
    from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

    from mme_local.aws.cloudwatch.backend import EmbeddedCloudWatch
    from mme_local.aws.cloudwatch.responses import get_metric_statistics
    from mme_local.aws.iam import EmbeddedIam
    from mme_local.aws.sagemaker.models import EmbeddedSageMaker

    backends: list[tuple[Any, type, type]] = [
        (sagemaker_backends, SageMakerModelBackend, EmbeddedSageMaker),
        (iam_backends, IAMBackend, EmbeddedIam),
        (cloudwatch_backends, CloudWatchBackend, EmbeddedCloudWatch),
    ]
    for registry, theirs, ours in backends:
        if getattr(registry, "backend", None) is not theirs:
            raise RuntimeError(f"this release of moto does not have {theirs.__name__} where it is patched")
        registry.backend = ours
        registry.clear()  # moto takes the routes of a backend that is there already
    CloudWatchResponse.get_metric_statistics = get_metric_statistics  # type: ignore[method-assign]
    # moto's put_metric_alarm reads a composite alarm's rule, but nothing calls it for one
    if not hasattr(CloudWatchResponse, "put_composite_alarm"):
        CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm  # type: ignore[attr-defined]


def _ignore_conditional_bucket_policies() -> None:
    """Keep a TLS-only bucket policy from denying everything.

    moto evaluates object requests by the bucket's policy, for every caller, and takes an unmet condition of a
    Deny for a Deny. `aws:SecureTransport` is the usual one, and a port on localhost has no TLS. So only
    statements about all principals and without conditions count; the policy is described as it was put.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    _require(FakeBucket, "get_permission")
    results = {Decision.ALLOWED: PermissionResult.PERMITTED, Decision.DENIED: PermissionResult.DENIED}

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        statements = json.loads(self.policy).get("Statement", [])
        evaluated = [
            {name: element for name, element in statement.items() if name != "Principal"}
            for statement in ([statements] if isinstance(statements, dict) else statements)
            if not statement.get("Condition") and statement.get("Principal") in _EVERYONE
        ]
        decision = evaluate([{"Statement": evaluated}], action, resource)
        return results.get(decision, PermissionResult.NEUTRAL)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


def _refuse_malformed_bucket_policies() -> None:
    """Refuse a bucket policy that can't be read: it would fail every later request for its objects."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend

    put = S3Backend.put_bucket_policy

    def put_bucket_policy(self: S3Backend, bucket_name: str, policy: bytes) -> None:
        try:
            document = json.loads(policy)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise S3ClientError(
                "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"
            )
        statements = document.get("Statement", [])
        listed = statements if isinstance(statements, list) else [statements]
        if not all(isinstance(one, dict) for one in listed):
            raise S3ClientError("MalformedPolicy", "A statement of a policy must be an object")
        put(self, bucket_name, policy)

    S3Backend.put_bucket_policy = put_bucket_policy  # type: ignore[method-assign]


def _allow_logging_to_buckets_without_acls() -> None:
    """Let a bucket log to one whose policy comes later.

    moto requires that the log bucket's policy or ACL permits log delivery before logging is switched on. S3
    requires it of ACLs only, and since April 2023 a bucket has none unless its ownership controls allow them.
    """
    from moto.s3.models import FakeBucket

    permitted_by_policy = FakeBucket._log_permissions_enabled_policy

    def log_permissions_enabled(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        # a string, although moto declares a dictionary; None by default
        ownership: object = target_bucket.ownership_rule or _NO_ACLS
        if ownership == _NO_ACLS:
            return True
        return permitted_by_policy(target_bucket, target_prefix)

    FakeBucket._log_permissions_enabled_policy = staticmethod(log_permissions_enabled)  # type: ignore[method-assign]


def _answer_lookup_events() -> None:
    """Answer CloudTrail's LookupEvents, which moto lacks, with no events.

    The CDK CLI calls it after every failed deployment, and retries on a server error.
    """
    from moto.cloudtrail.responses import CloudTrailResponse

    def lookup_events(_: CloudTrailResponse) -> str:
        return json.dumps({"Events": []})

    if not hasattr(CloudTrailResponse, "lookup_events"):
        CloudTrailResponse.lookup_events = lookup_events  # type: ignore[attr-defined]


def _refuse_unknown_operations() -> None:
    """Refuse by name an operation, or a part of one, that moto lacks: its exception would end the request."""
    from moto.core.exceptions import ServiceException
    from moto.core.responses import ActionResult, BaseResponse
    from moto.core.utils import camelcase_to_underscores

    class OperationMissing(ServiceException):
        code = "ValidationError"

    call_action = BaseResponse.call_action

    def call_or_refuse(self: BaseResponse) -> Any:
        try:
            if (self.service_name, self._get_action()) == ("batch", "submitjob"):
                raise NotImplementedError(_NO_CONTAINERS)  # the thread of a job could tell no one
            return call_action(self)
        except NotImplementedError as error:
            action = self._get_action()
            text = f"Embedded AWS does not provide the operation {action}"
            if hasattr(self, camelcase_to_underscores(action)):
                text = f"Embedded AWS does not provide this use of {action}: {error}".rstrip(": ")
            return self.serialized(ActionResult(OperationMissing(text)))

    BaseResponse.call_action = call_or_refuse  # type: ignore[method-assign]


def _start_no_containers() -> None:
    """Refuse to run Lambda functions and Batch jobs: moto starts images and mounts that a caller names.

    It runs functions for queues, topics, log groups and secrets too.
    """
    from moto.utilities.docker_utilities import DockerModel

    def docker_client(_: DockerModel) -> Any:
        raise NotImplementedError(_NO_CONTAINERS)

    _require(DockerModel, "docker_client")
    DockerModel.docker_client = property(docker_client)  # type: ignore[method-assign,assignment]


def _match_in_linear_time() -> None:
    """Match callers' patterns (filters, CORS origins, event patterns) without moto's backtracking `.*`."""
    from moto.core import utils
    from moto.events.models import EventPattern
    from moto.s3 import utils as s3_utils

    def cors_matches_origin(origin_header: str, allowed_origins: list[str]) -> bool:
        return any(wildcard_match(pattern, origin_header) for pattern in allowed_origins)

    def matches(item: Any, pattern: str) -> bool:
        return isinstance(item, str) and wildcard_match(pattern.replace("?", "\\?"), item)

    def aws_api_matches(pattern: str, string: Any) -> bool:
        return wildcard_match(pattern, str(string))

    utils.aws_api_matches = aws_api_matches
    s3_utils.cors_matches_origin = cors_matches_origin
    EventPattern._wildcard_match = staticmethod(matches)  # type: ignore[method-assign]


def _limit_decompression() -> None:
    """End a request whose compressed body is a bomb; CloudWatch takes 1 MB."""
    from moto.core.responses import BaseResponse
    from werkzeug.exceptions import RequestEntityTooLarge
    from werkzeug.wrappers import Request

    def decompress_request_body(self: BaseResponse, request: Request) -> None:
        if request.content_encoding == "gzip" and self.allow_request_decompression:
            body = gzip.GzipFile(fileobj=request.stream).read(_MOST_DECOMPRESSED + 1)
            if len(body) > _MOST_DECOMPRESSED:
                raise RequestEntityTooLarge(f"the body has more than {_MOST_DECOMPRESSED} bytes decompressed")
            request.stream = io.BytesIO(body)
            request.get_data(parse_form_data=True)

    _require(BaseResponse, "decompress_request_body")
    BaseResponse.decompress_request_body = decompress_request_body  # type: ignore[method-assign]


def _require(owner: type, name: str) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"this release of moto has no {owner.__name__}.{name}, which is patched")

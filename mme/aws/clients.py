"""boto3 sessions and clients of one account and region."""

from __future__ import annotations

import getpass
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from mme.aws.settings import Settings
from mme.errors import MmeError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

_DUMMY_KEY: Final = "local"
"""The embedded AWS accepts any credentials, but boto3 needs some to sign requests."""
_CONNECT_TIMEOUT_SECONDS: Final = 5
_CONNECTIONS: Final = 32
_ATTEMPTS: Final = {"s3": 5, "cloudformation": 2}
"""How often a call is tried; 4 times for other services. CloudFormation is asked first: fail fast there."""
_REGIONS: Final = {"pricing": "us-east-1"}
"""Services with endpoints in few regions. Source: AWS general reference, `billing`."""
_SERVICES: Final = {
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "iam": "iam",
    "logs": "logs",
    "pricing": "pricing",
    "quotas": "service-quotas",
    "runtime": "sagemaker-runtime",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "scaling": "application-autoscaling",
    "sqs": "sqs",
    "sts": "sts",
}


def open_session(settings: Settings) -> boto3.Session:
    """Return a boto3 session.

    The local environment uses dummy credentials if there are none: looking for real ones may take seconds.
    """
    import boto3

    configured = settings.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    if settings.is_local and not configured:
        return boto3.Session(
            aws_access_key_id=_DUMMY_KEY,
            aws_secret_access_key=_DUMMY_KEY,
            region_name=settings.aws_region,
        )
    return boto3.Session(profile_name=settings.profile, region_name=settings.aws_region)


def assume_role(session: boto3.Session, settings: Settings, role_arn: str) -> boto3.Session:
    """Return a session with a role's credentials, valid for an hour (the default of STS's AssumeRole).

    Args:
        session: Credentials that may assume the role.
        settings: The AWS endpoint URL and region.
        role_arn: Such as `arn:aws:iam::123456789012:role/publisher`.

    Raises:
        MmeError: `role_arn` is not a role's ARN, or the role can't be assumed.
    """
    import boto3
    from botocore.exceptions import ClientError

    if not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/.+", role_arn):
        raise MmeError(
            f"{role_arn!r} is not the ARN of a role", hint="such as arn:aws:iam::123456789012:role/publisher"
        )
    sts = session.client("sts", endpoint_url=settings.aws_url, region_name=settings.aws_region)
    try:
        user = re.sub(r"[^\w+=,.@-]", "-", getpass.getuser())
    except (KeyError, OSError):
        user = "unknown"
    try:
        assumed = sts.assume_role(RoleArn=role_arn, RoleSessionName=f"mme-{user}"[:64])["Credentials"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"):
            raise MmeError(
                f"the role {role_arn} can't be assumed with these credentials",
                hint="its trust policy must name you, and you need sts:AssumeRole on it",
            ) from error
        raise
    return boto3.Session(
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        region_name=session.region_name,
    )


class AwsClients:
    """boto3 clients, created on first use and safe to share between threads.

    Args:
        session: Credentials and region.
        settings: The AWS endpoint URL.
    """

    cloudformation: CloudFormationClient
    cloudwatch: CloudWatchClient
    iam: IAMClient
    logs: CloudWatchLogsClient
    pricing: Any
    quotas: ServiceQuotasClient
    runtime: SageMakerRuntimeClient
    s3: S3Client
    sagemaker: SageMakerClient
    scaling: ApplicationAutoScalingClient
    sqs: SQSClient
    sts: STSClient

    def __init__(self, session: boto3.Session, settings: Settings) -> None:
        self.session = session
        self.settings = settings
        self._ecr: dict[str, ECRClient] = {}
        # A session must not create two clients at once (boto3 guide, multithreading).
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name not in _SERVICES:
            raise AttributeError(name)
        with self._lock:
            if name not in self.__dict__:
                region = _REGIONS.get(name)
                self.__dict__[name] = _create(self.session, self.settings, _SERVICES[name], region)
            return self.__dict__[name]

    @property
    def region(self) -> str:
        """The region of the clients."""
        return self.cloudformation.meta.region_name

    def ecr(self, region: str) -> ECRClient:
        """Return an ECR client of the region of an image, which may differ from the endpoint's."""
        with self._lock:
            if region not in self._ecr:
                self._ecr[region] = _create(self.session, self.settings, "ecr", region)
            return self._ecr[region]


def _create(session: boto3.Session, settings: Settings, service: str, region: str | None = None) -> Any:
    if service == "sagemaker-runtime":
        from mme.aws.runtime import runtime_client

        return runtime_client(session, endpoint_url=settings.aws_url)
    from botocore.config import Config

    # At a custom URL the bucket goes into the path: `bucket.localhost` does not resolve.
    addressing: Any = {"s3": {"addressing_style": "path"}} if service == "s3" and settings.aws_url else {}
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS.get(service, 4)},
        **addressing,
    )
    create: Any = session.client  # overloaded for each literal service name
    return create(service, endpoint_url=settings.aws_url, region_name=region, config=config)

"""boto3 clients of one account and region."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from mme.aws.settings import Settings

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

_CONNECT_TIMEOUT_SECONDS: Final = 5
_CONNECTIONS: Final = 32
_ATTEMPTS: Final = {"s3": 5, "cloudformation": 2}
"""How often a call is tried; 4 times for other services. CloudFormation is asked first: fail fast there."""
_SERVICES: Final = {
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "iam": "iam",
    "logs": "logs",
    "quotas": "service-quotas",
    "runtime": "sagemaker-runtime",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "scaling": "application-autoscaling",
    "sqs": "sqs",
    "sts": "sts",
}


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
                self.__dict__[name] = _create(self.session, self.settings, _SERVICES[name])
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

"""The boto3 clients that operating an endpoint takes, made on first use and safe to share between threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from mme.aws.session import cloudformation_client, s3_client
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
_POOL: Final = 32


class AwsClients:
    """Clients of one account and region.

    Args:
        session: where credentials and region come from.
        settings: where AWS is, if not at AWS.
    """

    def __init__(self, session: boto3.Session, settings: Settings) -> None:
        self.session = session
        self.settings = settings
        self._clients: dict[str, Any] = {}
        # A session must not make two clients at once (boto3 guide, multithreading).
        self._making = threading.Lock()

    @property
    def region(self) -> str:
        """The region the clients talk to."""
        return self.cloudformation.meta.region_name

    @property
    def s3(self) -> S3Client:
        """S3."""
        client: S3Client = self._client("s3")
        return client

    @property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation."""
        client: CloudFormationClient = self._client("cloudformation")
        return client

    @property
    def sagemaker(self) -> SageMakerClient:
        """SageMaker's control plane."""
        client: SageMakerClient = self._client("sagemaker")
        return client

    @property
    def runtime(self) -> SageMakerRuntimeClient:
        """SageMaker's data plane, with the timeouts a multi-model endpoint wants."""
        client: SageMakerRuntimeClient = self._client("sagemaker-runtime")
        return client

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """CloudWatch metrics and alarms."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @property
    def scaling(self) -> ApplicationAutoScalingClient:
        """Application Auto Scaling."""
        client: ApplicationAutoScalingClient = self._client("application-autoscaling")
        return client

    @property
    def iam(self) -> IAMClient:
        """IAM."""
        client: IAMClient = self._client("iam")
        return client

    @property
    def sts(self) -> STSClient:
        """STS."""
        client: STSClient = self._client("sts")
        return client

    @property
    def sqs(self) -> SQSClient:
        """SQS."""
        client: SQSClient = self._client("sqs")
        return client

    @property
    def quotas(self) -> ServiceQuotasClient:
        """Service Quotas."""
        client: ServiceQuotasClient = self._client("service-quotas")
        return client

    def ecr(self, region: str) -> ECRClient:
        """ECR in the region where an image is, which need not be the endpoint's."""
        client: ECRClient = self._client("ecr", region)
        return client

    def _client(self, service: str, region: str | None = None) -> Any:
        key = f"{service} {region or ''}"
        with self._making:
            if key not in self._clients:
                self._clients[key] = self._make(service, region)
            return self._clients[key]

    def _make(self, service: str, region: str | None) -> Any:
        if service == "s3":
            return s3_client(self.session, self.settings)
        if service == "cloudformation":
            return cloudformation_client(self.session, self.settings)
        if service == "sagemaker-runtime":
            from mme.aws.runtime import runtime_client

            return runtime_client(self.session, endpoint_url=self.settings.aws_url)
        from botocore.config import Config

        config = Config(
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            max_pool_connections=_POOL,
            retries={"mode": "standard", "total_max_attempts": 4},
        )
        make: Any = self.session.client  # overloaded for each service by its literal name
        return make(service, endpoint_url=self.settings.aws_url, region_name=region, config=config)

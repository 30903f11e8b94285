"""A multi-model endpoint on a running local runtime, made by plain API calls, and what tests do with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

REGION: Final = "us-east-1"
KEY: Final = "local"
"""Access key and secret alike: one that embedded IAM does not know, so that it may do everything."""

IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
"""Named in the endpoint's model as a deployment would; the runtime answers with its own Triton."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
    # Ten times faster loads; `mme models add` refuses a model whose config.pbtxt is not complete anyway.
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
}
_ROLE: Final = "arn:aws:iam::123456789012:role/local"
_TYPE: Final = "ml.c5.xlarge"
_READ_SECONDS: Final = 70
"""The service answers within 60 s; a client must not give up before it."""


def environment(url: str) -> dict[str, str]:
    """The variables with which any AWS client, the code under test included, talks to the runtime."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


@dataclass
class LocalEndpoint:
    """One endpoint, its own bucket included.

    Attributes:
        url: of the runtime; what ``AWS_ENDPOINT_URL`` is to be.
        name: for ``EndpointName``.
        bucket: its own, unless one is given.
        prefix: where in the bucket its models lie.
        models: by the name of each published directory, its TargetModel.
    """

    url: str
    name: str
    bucket: str
    prefix: str = "models/"
    models: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        url: str,
        *,
        instances: int = 1,
        variables: Mapping[str, str] | None = None,
        bucket: str | None = None,
    ) -> LocalEndpoint:
        """Make the bucket, the model, the config and the endpoint; containers start by themselves.

        Args:
            url: of the runtime.
            instances: each is a Triton of its own.
            variables: for the container, instead of `ENVIRONMENT`.
            bucket: one that exists; by default a new one.
        """
        name = f"test-{uuid.uuid4().hex[:8]}"
        endpoint = cls(url, name, bucket or name)
        if bucket is None:
            endpoint.s3.create_bucket(Bucket=name)
        endpoint.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=_ROLE,
            PrimaryContainer={
                "Image": IMAGE,
                "Mode": "MultiModel",
                "ModelDataUrl": f"s3://{endpoint.bucket}/{endpoint.prefix}",
                "Environment": dict(ENVIRONMENT if variables is None else variables),
            },
        )
        endpoint.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InstanceType": _TYPE,
                    "InitialInstanceCount": instances,
                }
            ],
        )
        endpoint.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return endpoint

    @cached_property
    def client(self) -> SageMakerRuntimeClient:
        """``sagemaker-runtime``, for ``invoke_endpoint``; each call is tried once, as a test wants it."""
        client: SageMakerRuntimeClient = self._client("sagemaker-runtime")
        return client

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """The control plane."""
        client: SageMakerClient = self._client("sagemaker")
        return client

    @cached_property
    def s3(self) -> S3Client:
        """Where the models are."""
        client: S3Client = self._client("s3")
        return client

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which any AWS client talks to the runtime."""
        return environment(self.url)

    def publish(self, *paths: str | Path) -> tuple[str, ...]:
        """Check and publish model directories, or directories of them, as ``mme models add`` does.

        Args:
            paths: each holds config.pbtxt, or directories that do.

        Returns:
            the TargetModel of each, by the models' order; `models` knows them by name from now on.

        Raises:
            MmeError: a model that Triton would not serve, with every fault found.
        """
        from mme.registry import ModelStore, find_models, publish_all

        found = find_models(paths)
        store = ModelStore(self.s3, self.bucket, self.prefix)
        published = publish_all(store, found.models) if found.models else []
        self.models |= {outcome.name: outcome.target_model for outcome in published}
        return tuple(outcome.target_model for outcome in published)

    def invoke(self, target_model: str, body: bytes, **more: Any) -> bytes:
        """``InvokeEndpoint``; the answer's body.

        Args:
            target_model: a TargetModel, or the name of a published directory.
            body: the payload, KServe v2 JSON unless ``ContentType`` says otherwise.
            more: further arguments of ``invoke_endpoint``.

        Raises:
            botocore.exceptions.ClientError: as any caller of the endpoint gets it.
        """
        options = {"ContentType": "application/json", **more}
        answer = self.client.invoke_endpoint(
            EndpointName=self.name,
            TargetModel=self.models.get(target_model, target_model),
            Body=body,
            **options,
        )
        return answer["Body"].read()

    def delete(self) -> None:
        """Delete the endpoint; its containers stop."""
        self.sagemaker.delete_endpoint(EndpointName=self.name)

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        session = boto3.Session(aws_access_key_id=KEY, aws_secret_access_key=KEY, region_name=REGION)
        return session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=_READ_SECONDS),
        )


def missing(names: Iterable[str] = ("aiohttp", "moto", "psutil")) -> str | None:
    """Why there can be no endpoint with real Triton here, or None where there can."""
    import importlib.util

    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        return (
            f"the local runtime is not installed ({', '.join(absent)} missing): "
            'pip install "sagemaker-mme[local]"'
        )
    from mme.errors import MmeError
    from mme_local.containers.triton.wheel import TritonWheel

    try:
        TritonWheel.find()
    except MmeError as error:
        return error.message
    return None

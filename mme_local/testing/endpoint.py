"""A multi-model endpoint on a running local endpoint, created by API calls, for tests."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from mme.archives.model_directory import ModelDirectory

REGION: Final = "us-east-1"
KEY: Final = "local"
"""Access key and secret; embedded IAM does not know it, so it may do everything."""

IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
"""The image of the endpoint's model; the local endpoint serves it with its own Triton."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
    # Loads are ten times faster; a model with an incomplete config.pbtxt is not published anyway.
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
}
_ROLE: Final = "arn:aws:iam::123456789012:role/local"
_TYPE: Final = "ml.c5.xlarge"
_READ_SECONDS: Final = 70
"""More than the 60 s in which the service answers."""


@dataclass
class LocalEndpoint:
    """An endpoint with its bucket.

    Attributes:
        url: address of the local endpoint, for ``AWS_ENDPOINT_URL``.
        name: the ``EndpointName``.
        bucket: the bucket of its models.
        prefix: the prefix of its models.
        image: the image of its model.
        models: TargetModel of each published directory, by the directory's name.
    """

    url: str
    name: str
    bucket: str
    prefix: str = "models/"
    image: str = IMAGE
    models: dict[str, str] = field(default_factory=dict)
    _published: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        url: str,
        *,
        instances: int = 1,
        variables: Mapping[str, str] | None = None,
        bucket: str | None = None,
        image: str = IMAGE,
    ) -> LocalEndpoint:
        """Create the bucket, the model, the config and the endpoint.

        Args:
            url: address of the local endpoint.
            instances: number of instances; each is its own server.
            variables: environment of the container; None for `ENVIRONMENT` if the image is `IMAGE`.
            bucket: an existing bucket; by default one is created.
            image: the image of its model; by default Triton's.
        """
        if variables is None:
            variables = ENVIRONMENT if image == IMAGE else {}
        name = f"test-{uuid.uuid4().hex[:8]}"
        endpoint = cls(url, name, bucket or name, image=image)
        if bucket is None:
            endpoint.s3.create_bucket(Bucket=name)
        endpoint.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=_ROLE,
            PrimaryContainer={
                "Image": image,
                "Mode": "MultiModel",
                "ModelDataUrl": f"s3://{endpoint.bucket}/{endpoint.prefix}",
                "Environment": dict(variables),
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
        """The ``sagemaker-runtime`` client, without retries."""
        client: SageMakerRuntimeClient = self._client("sagemaker-runtime")
        return client

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        """The ``sagemaker`` client."""
        client: SageMakerClient = self._client("sagemaker")
        return client

    @cached_property
    def s3(self) -> S3Client:
        """The ``s3`` client."""
        client: S3Client = self._client("s3")
        return client

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which every AWS client talks to the local endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def publish(self, *paths: str | Path) -> tuple[str, ...]:
        """Check and publish models as ``NAME_vN.tar.gz``; unchanged ones are published once.

        Args:
            paths: model directories, or directories of them.

        Returns:
            The TargetModel of each model.

        Raises:
            MmeError: The image would not serve a model; with every fault found.
        """
        from mme_local.testing.models import find_models

        published = {model.name: self._publish(model) for model in find_models(paths, self.image)}
        self.models |= published
        return tuple(published.values())

    def _publish(self, model: ModelDirectory) -> str:
        from botocore.exceptions import ClientError

        from mme.archives.packing import write_archive

        with tempfile.TemporaryFile() as archive:
            key = model.name, write_archive(model, archive).digest
            for version in count():
                if key in self._published:
                    break
                target_model = f"{model.name}_v{version}.tar.gz"
                archive.seek(0)
                try:
                    self.s3.put_object(
                        Bucket=self.bucket, Key=self.prefix + target_model, Body=archive, IfNoneMatch="*"
                    )
                except ClientError as error:
                    if error.response["Error"]["Code"] != "PreconditionFailed":
                        raise
                else:
                    self._published[key] = target_model
        return self._published[key]

    def invoke(self, target_model: str, body: bytes, **more: Any) -> bytes:
        """Call ``InvokeEndpoint`` and return the answer's body.

        Args:
            target_model: a TargetModel, or the name of a published directory.
            body: the payload; KServe v2 JSON unless ``ContentType`` is given.
            more: further arguments of ``invoke_endpoint``.

        Raises:
            botocore.exceptions.ClientError: The same as for any caller.
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


def missing(packages: Iterable[str] = ("aiohttp", "moto", "psutil")) -> str | None:
    """Return why real Triton can't run on this machine; None if it can."""
    import importlib.util

    absent = ", ".join(name for name in packages if importlib.util.find_spec(name) is None)
    if absent:
        return f'the local endpoint is not installed ({absent} missing): pip install "sagemaker-mme[local]"'
    from mme.errors import MmeError
    from mme_local.containers.triton.wheel import TritonWheel

    try:
        TritonWheel.find()
    except MmeError as error:
        return error.message
    return None


def missing_for(image: str, variables: Mapping[str, str]) -> str | None:
    """Return why no server of this machine serves an image; None if one does.

    Args:
        image: the image.
        variables: environment of its container.
    """
    from mme.errors import MmeError
    from mme_local.containers.mms.installation import MMS, TORCHSERVE, MmsInstallation
    from mme_local.containers.server_kind import server_kind
    from mme_local.settings import ServerKind, chosen_settings

    try:
        kind = server_kind(image, variables, chosen_settings().server_kinds)
        if kind is not ServerKind.TRITON:
            MmsInstallation.find(TORCHSERVE if kind is ServerKind.PYTORCH else MMS)
    except MmeError as error:
        return str(error)
    return None

"""Endpoints for the slow tests, created by API calls without the CDK."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from itertools import count
from typing import Any

import boto3
from botocore.config import Config

from mme_local import launcher
from mme_local.run_files import RunFile

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
ROLE = "arn:aws:iam::123456789012:role/local"
QUIET = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
    "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
}


@dataclass
class Runtime:
    """A runtime and boto3 clients that know its URL only."""

    state: RunFile

    def client(self, service: str, **config: Any) -> Any:
        options: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "read_timeout": 70, **config}
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.state.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(**options),
        )

    def endpoint(self, name: str) -> dict[str, Any]:
        """Describe an endpoint."""
        status = launcher.ask_status(self.state)
        return next(endpoint for endpoint in status["endpoints"] if endpoint["name"] == name)


_numbers = count()


class Endpoint:
    """A multi-model endpoint with its bucket."""

    def __init__(
        self, runtime: Runtime, *, instances: int = 1, environment: dict[str, str] | None = None
    ) -> None:
        self.runtime = runtime
        self.name = f"test-{next(_numbers)}"
        self.bucket = f"bucket-{self.name}"
        self.s3 = runtime.client("s3")
        self.sagemaker = runtime.client("sagemaker")
        self.calls = runtime.client("sagemaker-runtime")
        self.s3.create_bucket(Bucket=self.bucket)
        self.sagemaker.create_endpoint(
            EndpointName=self.name, EndpointConfigName=self.config("0", instances, environment)
        )

    def config(
        self, suffix: str, instances: int, environment: dict[str, str] | None = None, **container: Any
    ) -> str:
        """A new model and config; returns the config's name."""
        model = f"{self.name}-model-{suffix}"
        self.sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={
                "Image": IMAGE,
                "Mode": "MultiModel",
                "ModelDataUrl": f"s3://{self.bucket}/models/",
                "Environment": QUIET | (environment or {}),
                **container,
            },
        )
        config = f"{self.name}-config-{suffix}"
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=config,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model,
                    "InstanceType": "ml.c5.xlarge",
                    "InitialInstanceCount": instances,
                    "InitialVariantWeight": 1,
                }
            ],
        )
        return config

    def publish(self, target_model: str, files: dict[str, str | bytes]) -> None:
        """Put an archive of these files under the models prefix."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        self.s3.put_object(Bucket=self.bucket, Key=f"models/{target_model}", Body=buffer.getvalue())

    def invoke(self, target_model: str, body: bytes = b"", **more: Any) -> bytes:
        """InvokeEndpoint; returns the body."""
        answer = self.calls.invoke_endpoint(
            EndpointName=self.name,
            TargetModel=target_model,
            Body=body,
            ContentType="application/json",
            **more,
        )
        content: bytes = answer["Body"].read()
        return content

    def delete(self) -> None:
        self.sagemaker.delete_endpoint(EndpointName=self.name)

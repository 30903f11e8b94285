"""Endpoints for the slow tests, created by API calls without the CDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from mme_local import launcher
from mme_local.containers.triton.wheel import why_not_here
from mme_local.run_files import RunFile
from mme_local.settings import LocalSettings
from mme_local.testing.endpoint import ENVIRONMENT, IMAGE, LocalEndpoint
from tests.archives.archive_builder import pack

_PATIENCE_SECONDS = 200
"""For starts, requests and stops: a limit for hangs, however busy the machine is."""


@dataclass
class Runtime:
    """A runtime and boto3 clients that know its URL only."""

    state: RunFile

    def client(self, service: str, **config: Any) -> Any:
        options: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "read_timeout": 240, **config}
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


@contextmanager
def a_runtime(**settings: Any) -> Iterator[Runtime]:
    """A runtime on a free port, with some settings; skips if it needs Triton, which can't run here."""
    if settings.get("containers") != "docker" and why_not_here():
        pytest.skip(f"Triton's wheel can't run here: {why_not_here()}")
    chosen = LocalSettings.model_validate({"port": 0, "invoke_seconds": _PATIENCE_SECONDS, **settings})
    state = launcher.start_detached(chosen, seconds=_PATIENCE_SECONDS, tied=True)
    try:
        yield Runtime(state)
    finally:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launcher, "_STOP_SECONDS", _PATIENCE_SECONDS)
            launcher.stop(state.port)


class Endpoint:
    """A multi-model endpoint with its bucket."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        instances: int = 1,
        environment: dict[str, str] | None = None,
        image: str = IMAGE,
        bucket: str | None = None,
    ) -> None:
        self.runtime = runtime
        made = LocalEndpoint.create(
            runtime.state.url,
            instances=instances,
            variables={**ENVIRONMENT, **(environment or {})},
            image=image,
            bucket=bucket,
        )
        self.name, self.bucket, self.s3, self.sagemaker = made.name, made.bucket, made.s3, made.sagemaker
        self.calls = runtime.client("sagemaker-runtime")

    def config(
        self, suffix: str, instances: int, environment: dict[str, str] | None = None, **container: Any
    ) -> str:
        """A new model and config; returns the config's name."""
        name = f"{self.name}-{suffix}"
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/local",
            PrimaryContainer={
                "Image": IMAGE,
                "Mode": "MultiModel",
                "ModelDataUrl": f"s3://{self.bucket}/models/",
                "Environment": {**ENVIRONMENT, **(environment or {})},
                **container,
            },
        )
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.c5.xlarge"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{**variant, "InitialInstanceCount": instances}],  # type: ignore[typeddict-item]
        )
        return name

    def publish(self, target_model: str, files: dict[str, str | bytes]) -> None:
        """Put an archive of these files under the models prefix."""
        self.s3.put_object(Bucket=self.bucket, Key=f"models/{target_model}", Body=pack(files))

    def invoke(self, target_model: str, body: bytes | str = b"", **more: Any) -> bytes:
        """InvokeEndpoint; returns the body."""
        answer = self.calls.invoke_endpoint(
            EndpointName=self.name,
            TargetModel=target_model,
            Body=body,
            **{"ContentType": "application/json", **more},
        )
        content: bytes = answer["Body"].read()
        return content

    def instance(self) -> dict[str, Any]:
        """Describe its only instance."""
        (instance,) = self.runtime.endpoint(self.name)["instances"]
        return dict(instance)

    def delete(self) -> None:
        self.sagemaker.delete_endpoint(EndpointName=self.name)

"""A multi-model endpoint on a new local runtime, with one model that echoes its input."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from mme_local import launcher
from mme_local.run_files import RunFile
from mme_local.settings import LocalSettings

ENDPOINT: Final = "benchmark"
MODEL: Final = "identity_v0.tar.gz"
IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
CLIENT: Final = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}

_CONFIG = """
backend: "python"
max_batch_size: 8
input [{ name: "X" data_type: TYPE_FP32 dims: [3, 224, 224] }]
output [{ name: "Y" data_type: TYPE_FP32 dims: [3, 224, 224] }]
"""
_CODE = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(request, "X").as_numpy())]
            )
            for request in requests
        ]
"""


@contextmanager
def local_endpoint() -> Iterator[str]:
    """Start a runtime, deploy the endpoint by boto3, yield its URL; stop the runtime at the end."""
    with local_runtime({MODEL: {"config.pbtxt": _CONFIG, "1/model.py": _CODE}}) as state:
        yield state.url


@contextmanager
def local_runtime(
    models: Mapping[str, Mapping[str, str]],
    *,
    environment: Mapping[str, str] | None = None,
    instances: int = 1,
    **settings: Any,
) -> Iterator[RunFile]:
    """Start a runtime with the endpoint and these models; stop it at the end.

    Args:
        models: Files and their text, by TargetModel.
        environment: Further variables of the containers.
        instances: How many.
        settings: Of the runtime.
    """
    state = launcher.start_detached(LocalSettings.model_validate({"port": 0, **settings}))
    try:
        _client(state.url, "s3").create_bucket(Bucket=ENDPOINT)
        publish(state.url, models)
        _deploy(state.url, environment or {}, instances)
        yield state
    finally:
        launcher.stop(state.port)


def publish(url: str, models: Mapping[str, Mapping[str, str]]) -> None:
    """Put archives of these files into the endpoint's bucket.

    Args:
        url: Of the runtime.
        models: Files and their text, by TargetModel.
    """
    s3 = _client(url, "s3")
    for target, files in models.items():
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        s3.put_object(Bucket=ENDPOINT, Key=f"models/{target}", Body=buffer.getvalue())


def _client(url: str, service: str) -> Any:
    import boto3

    return boto3.client(service, endpoint_url=url, **CLIENT)  # type: ignore[call-overload]


def _deploy(url: str, environment: Mapping[str, str], instances: int) -> None:
    sagemaker = _client(url, "sagemaker")
    sagemaker.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/local",
        PrimaryContainer={
            "Image": IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{ENDPOINT}/models/",
            "Environment": {"SAGEMAKER_TRITON_LOG_VERBOSE": "0", **environment},
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": ENDPOINT,
                "InstanceType": "ml.c5.xlarge",
                "InitialInstanceCount": instances,
                "InitialVariantWeight": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)

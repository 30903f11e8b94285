"""A multi-model endpoint on a local runtime of its own, with one model that answers what it was asked."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from mme.local import launcher
from mme.local.settings import LocalSettings

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
    """Starts a runtime, deploys the endpoint by plain API calls, yields its URL; all is gone at the end."""
    state = launcher.start_detached(LocalSettings(port=0))
    try:
        _deploy(state.url)
        yield state.url
    finally:
        launcher.stop(state.port)


def _deploy(url: str) -> None:
    import boto3

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=url, **CLIENT)  # type: ignore[call-overload]

    s3, sagemaker = client("s3"), client("sagemaker")
    s3.create_bucket(Bucket=ENDPOINT)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (("config.pbtxt", _CONFIG), ("1/model.py", _CODE)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    s3.put_object(Bucket=ENDPOINT, Key=f"models/{MODEL}", Body=buffer.getvalue())
    sagemaker.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/local",
        PrimaryContainer={
            "Image": IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{ENDPOINT}/models/",
            "Environment": {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"},
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": ENDPOINT,
                "InstanceType": "ml.c5.xlarge",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)

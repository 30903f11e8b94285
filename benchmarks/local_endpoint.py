"""A multi-model endpoint on a new local endpoint, with models that echo their input."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.sample_models import write_files
from mme.archives.model_directory import scan_directory
from mme.archives.packing import pack_directory
from mme_local import launcher
from mme_local.run_files import RunFile
from mme_local.settings import LocalSettings

Files: TypeAlias = Mapping[str, str | bytes]
"""A model's files: content by path."""

ENDPOINT: Final = "benchmark"
IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
CLIENT: Final = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}
SIGNED: Final = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, "
    f"Signature={'0' * 64}"
)
"""An Authorization header that the runtime accepts."""

_CODE: Final = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb_utils.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", array + ADDED)]) for array in arrays]
"""


def echo_model(shape: Sequence[int], datatype: str = "FP32", added: int = 0, size: int = 0) -> dict[str, str]:
    """Return the files of a model with one input X and one output Y.

    Args:
        shape: Shape of both, without a batch dimension.
        datatype: Data type of both.
        added: What the model adds to its input.
        size: Bytes of both files together, if they have fewer.
    """
    tensor = f"data_type: TYPE_{datatype} dims: {list(shape)}"
    config = f'backend: "python"\ninput [{{ name: "X" {tensor} }}]\noutput [{{ name: "Y" {tensor} }}]\n'
    code = _CODE.replace("ADDED", str(added))
    return {"config.pbtxt": config, "1/model.py": f"{code}#{'x' * (size - len(config) - len(code) - 2)}\n"}


@contextmanager
def local_runtime(
    models: Mapping[str, Files],
    *,
    image: str = IMAGE,
    environment: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[RunFile]:
    """Start a runtime with the endpoint and these models; stop it at the end.

    Args:
        models: Their files, by TargetModel.
        image: Of the endpoint's model.
        environment: More variables of the containers.
        settings: Settings of the runtime.
    """
    state = launcher.start_detached(LocalSettings.model_validate({"port": 0, **settings}), tied=True)
    try:
        _publish(state.url, models)
        _deploy(state.url, image, environment or {})
        yield state
    finally:
        launcher.stop(state.port)


def _client(url: str, service: str) -> Any:
    import boto3

    return boto3.client(service, endpoint_url=url, **CLIENT)  # type: ignore[call-overload]


def _publish(url: str, models: Mapping[str, Files]) -> None:
    s3 = _client(url, "s3")
    s3.create_bucket(Bucket=ENDPOINT)
    for target, files in models.items():
        with tempfile.TemporaryDirectory() as folder:
            _, archive = pack_directory(scan_directory(write_files(Path(folder, "model"), files)))
        s3.put_object(Bucket=ENDPOINT, Key=f"models/{target}", Body=archive)


def _deploy(url: str, image: str, environment: Mapping[str, str]) -> None:
    sagemaker = _client(url, "sagemaker")
    sagemaker.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/local",
        PrimaryContainer={
            "Image": image,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{ENDPOINT}/models/",
            "Environment": {
                "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
                "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
                **environment,
            },
        },
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ENDPOINT,
        "InstanceType": "ml.c5.xlarge",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=ENDPOINT, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)

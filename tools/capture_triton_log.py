"""Record what real Triton logs when models are loaded, called, evicted, and fail to load.

`python -m tools.capture_triton_log 0 > tests/operate/triton_logs/quiet.log`, and with `true` for verbose.log:
the tests of the log's patterns read these files.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

from mme_local import launcher
from mme_local.run_files import LOGS
from mme_local.settings import LocalSettings

_IMAGE: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:24.09-py3-cpu"
_CONFIG: Final = """backend: "python"
input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [4] }]
output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [4] }]
"""
_ECHO: Final = """
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            given = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            if given.ravel()[0] < 0:
                raise ValueError("negative")
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", given)]))
        return answers
# {}
""".format("x" * 6000)
"""So large that the memory that is set below has room for one of them."""
_TOO_LARGE: Final = """class TritonPythonModel:
    def initialize(self, args):
        raise MemoryError('CUDA out of memory. Tried to allocate 20.00 GiB')
"""

MODELS: Final[dict[str, dict[str, str]]] = {
    "alpha_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _ECHO},
    "tenant-a/beta_v1.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _ECHO},
    "broken_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": "import nothing_of_that_name\n"},
    "memory_v0.tar.gz": {"config.pbtxt": _CONFIG, "1/model.py": _TOO_LARGE},
    "config_v0.tar.gz": {"config.pbtxt": 'backend: "nosuch"', "1/model.py": "x = 1"},
}
CALLS: Final[tuple[tuple[str, list[float]], ...]] = (
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [-1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3]),
    ("tenant-a/beta_v1.tar.gz", [1, 2, 3, 4]),
    ("alpha_v0.tar.gz", [1, 2, 3, 4]),
    ("broken_v0.tar.gz", [1, 2, 3, 4]),
    ("memory_v0.tar.gz", [1, 2, 3, 4]),
    ("config_v0.tar.gz", [1, 2, 3, 4]),
)


def capture(verbose: str) -> str:
    """Run the models above on a separate runtime; return the log of its Triton.

    Args:
        verbose: the value of SAGEMAKER_TRITON_LOG_VERBOSE.
    """
    settings = {"port": 0, "memory_mib": 0.01, "weight_factor": 1}
    state = launcher.start_detached(LocalSettings.model_validate(settings))
    try:
        _deploy(state.url, verbose)
        runtime = _client("sagemaker-runtime", state.url)
        for model, values in CALLS:
            tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [len(values)], "data": values}
            with contextlib.suppress(runtime.exceptions.ModelError):
                runtime.invoke_endpoint(
                    EndpointName="captured",
                    TargetModel=model,
                    ContentType="application/json",
                    Body=json.dumps({"inputs": [tensor]}),
                )
        (log,) = (Path(state.workdir) / LOGS).glob("*.log")
        return log.read_text()
    finally:
        launcher.stop(state.port)


def _client(service: str, url: str) -> Any:
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    config = Config(retries={"total_max_attempts": 1}, read_timeout=70)
    return make(service, endpoint_url=url, region_name="us-east-1", config=config, **keys)


def _deploy(url: str, verbose: str) -> None:
    s3, sagemaker = _client("s3", url), _client("sagemaker", url)
    s3.create_bucket(Bucket="captured")
    for name, files in MODELS.items():
        s3.put_object(Bucket="captured", Key=f"models/{name}", Body=_archive(files))
    variables = {
        "SAGEMAKER_TRITON_LOG_VERBOSE": verbose,
        "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config",
    }
    sagemaker.create_model(
        ModelName="captured",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/captured",
        PrimaryContainer={
            "Image": _IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": "s3://captured/models/",
            "Environment": variables,
        },
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "captured",
        "InstanceType": "ml.c5.xlarge",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="captured", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="captured", EndpointConfigName="captured")


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.stdout.write(capture(*sys.argv[1:2] or ["0"]))

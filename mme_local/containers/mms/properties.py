"""Translate a container's environment to the Multi Model Server's properties, as AWS's images do.

Sources: aws/sagemaker-xgboost-container and aws/sagemaker-scikit-learn-container, ``serving_mms.py``;
aws/sagemaker-inference-toolkit, ``environment.py`` and ``model_server.py``; for TorchServe
aws/sagemaker-pytorch-inference-toolkit, ``torchserve.py`` and ``mme-ts.properties``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mme.errors import MmeError
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.installation import TORCHSERVE

_MIB: Final = 1024 * 1024
_DEFAULT_REQUEST_BYTES: Final = 6 * _MIB
_MOST_REQUEST_BYTES: Final = 20 * _MIB
_DEFAULT_QUEUE: Final = 100
_SECONDS: Final = 60
_SOCKETS_AND_MODELS: Final = ("INFERENCE_ADDRESS", "MANAGEMENT_ADDRESS", "MODEL_STORE", "LOAD_MODELS")
MANAGEMENT: Final = ".management"
"""What TorchServe's second socket is called, after the name of the first one."""
_OF_TORCHSERVE: Final = {
    "enable_model_api": "true",
    # It always opens two ports for gRPC, on 127.0.0.1: other users need the keys, which they can't read.
    "disable_token_authorization": "false",
    "token_expiration_min": "5256000",
    "grpc_inference_address": "127.0.0.1",
    "grpc_management_address": "127.0.0.1",
    "grpc_inference_port": "0",
    "grpc_management_port": "0",
    "enable_metrics_api": "false",
    "disable_system_metrics": "true",
}
_RESERVED: Final = (
    *(f"{prefix}_{name}" for prefix in ("MMS", "TS") for name in _SOCKETS_AND_MODELS),
    *(f"TS_{name.upper()}" for name in _OF_TORCHSERVE),
    *("TS_CONFIG_FILE", "TS_MODEL_SERVER_HOME", "TS_USE_NATIVE_IO"),
)
"""Variables by which the server would leave its socket, or load what it was not asked to."""


def server_properties(handler: Handler, environment: Mapping[str, str], socket: str) -> dict[str, str]:
    """Return the content of ``config.properties``.

    Args:
        handler: What its workers run.
        environment: Variables of the deployed model.
        socket: Path of the Unix socket to listen on.

    Raises:
        MmeError: A variable is not a whole number of 1 or more.
    """
    address = f"unix:{socket}"
    fixed = {
        "inference_address": address,
        "management_address": address,
        "use_native_io": "true",
        "model_store": "/",
        "load_models": "",
        "default_service_handler": Handler.SERVICE,
        "decode_input_request": "false",
        "enable_envvars_config": "true",
        "async_logging": "true",
    }
    if handler.server is TORCHSERVE:
        fixed |= {"management_address": address + MANAGEMENT, "number_of_gpu": "0", **_OF_TORCHSERVE}
        return fixed | _of_every_toolkit(environment)
    return fixed | (_of_toolkit(environment) if handler.toolkit else _of_framework(environment))


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a deployed model's variables without those that the local endpoint sets itself."""
    return {name: value for name, value in environment.items() if name not in _RESERVED}


def _of_framework(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that the XGBoost and scikit-learn images set, and no GPU: they use none."""
    wanted = _number(environment, "MAX_CONTENT_LENGTH", _DEFAULT_REQUEST_BYTES)
    largest = _number(environment, "SAGEMAKER_MAX_REQUEST_SIZE", min(wanted, _MOST_REQUEST_BYTES))
    return {
        "default_workers_per_model": str(_number(environment, "SAGEMAKER_NUM_MODEL_WORKERS", 1)),
        "job_queue_size": str(_number(environment, "SAGEMAKER_MODEL_JOB_QUEUE_SIZE", _DEFAULT_QUEUE)),
        "max_request_size": str(largest),
        "number_of_gpu": "0",
    }


def _of_every_toolkit(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that images with one of SageMaker's inference toolkits set."""
    return {
        "default_workers_per_model": str(_number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", 1)),
        "default_response_timeout": str(_number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", _SECONDS)),
    }


def _of_toolkit(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that images with SageMaker's inference toolkit set.

    The server counts the GPUs itself: the toolkits use the one whose number it gives to the model.
    """
    found = _of_every_toolkit(environment)
    if "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS" in environment:
        seconds = _number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", _SECONDS)
        found["default_response_timeout_seconds"] = str(seconds)
    if "SAGEMAKER_MAX_PAYLOAD_IN_MB" in environment:
        found["max_request_size"] = str(_number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 1) * _MIB)
    return found


def _number(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise MmeError(
            f"{variable} is {text!r}; the server takes a whole number of 1 or more",
            hint="correct it in the environment of the model's container",
        )
    return int(text)

"""Settings of NVIDIA's Triton, by name and unit instead of by container variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mme_cdk._internal.type_checks import check_fields
from mme_cdk._internal.validation import PropsError, known, outside

ADDITIONAL_ARGS = "SAGEMAKER_TRITON_ADDITIONAL_ARGS"

_LOG_INFO = "SAGEMAKER_TRITON_LOG_INFO"

# The default of `serve` is the most verbose log, which costs in CloudWatch Logs; at 0 Triton still logs the
# models that it loads, unloads and invokes.
QUIET = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}

# Set by `serve`, or of no use without the models that SageMaker loads later.
_RESERVED = {
    "allow-sagemaker",
    "load-model",
    "model-control-mode",
    "model-namespacing",
    "model-repository",
    "model-store",
    "sagemaker-port",
}

# triton-inference-server/python_backend, `src/python_be.cc`: with less the backend does not start.
_SHM_MIN_BYTES = 1024 * 1024


class TritonLogLevel(Enum):
    """What Triton logs; each level includes those below it."""

    VERBOSE = "verbose"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_LOG_VARIABLES = {
    TritonLogLevel.VERBOSE: {"SAGEMAKER_TRITON_LOG_VERBOSE": "1"},
    TritonLogLevel.INFO: QUIET,
    TritonLogLevel.WARNING: {**QUIET, _LOG_INFO: "false"},
    TritonLogLevel.ERROR: {**QUIET, _LOG_INFO: "false", "SAGEMAKER_TRITON_LOG_WARNING": "false"},
}


@dataclass(frozen=True, kw_only=True)
class TritonSettings:
    """Settings of a Triton container; what is left out stays as in the image.

    Source: triton-inference-server/server, `docker/sagemaker/serve`, which turns variables into arguments. It
        knows
    `SAGEMAKER_TRITON_ADDITIONAL_ARGS` in every version of this catalog.

    Attributes:
        shm_default_bytes: Shared memory that each python-backend model instance starts with, in bytes, at
            least 1 MiB. Default: the image's, 16 MiB.
        shm_growth_bytes: Bytes that this memory grows by when it is full, more than 0. Default: the
            image's, 1 MiB.
        thread_count: Threads that answer requests, at least 1. Default: Triton's, 8.
        buffer_manager_thread_count: Threads that copy tensors, at least 1. Default: Triton's.
        log_level: What is logged. Below INFO the log does not name the models that are invoked, so requests
            can't be counted by model. Default: INFO, unless a variable in `environment` sets the verbosity.
        gpu_memory_limit: Share of the GPU memory, above 0 up to 1, at which Triton stops loading models.
            Default: no limit.
        auto_complete_config: Whether Triton starts a python-backend model an additional time to complete its
            `config.pbtxt`. False makes a cold load many times faster, and needs complete configurations.
            It uses `SAGEMAKER_TRITON_ADDITIONAL_ARGS`. Default: True.
        additional_arguments: Further arguments of `tritonserver`, such as `--exit-timeout-secs=60`, without
            white space, at which `serve` splits them, and none that multi-model mode sets. Default: none.

    Raises:
        PropsError: Wrong types, or numbers out of range.
    """

    shm_default_bytes: int | None = None
    shm_growth_bytes: int | None = None
    thread_count: int | None = None
    buffer_manager_thread_count: int | None = None
    log_level: TritonLogLevel | None = None
    gpu_memory_limit: float | None = None
    auto_complete_config: bool = True
    additional_arguments: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        limit = self.gpu_memory_limit
        faults = [
            outside("shm_default_bytes", self.shm_default_bytes, _SHM_MIN_BYTES),
            outside("shm_growth_bytes", self.shm_growth_bytes, 1),
            outside("thread_count", self.thread_count, 1),
            outside("buffer_manager_thread_count", self.buffer_manager_thread_count, 1),
            f"gpu_memory_limit is {limit}; must be a share of the GPU memory, above 0 up to 1: use 0.8"
            if limit is not None and known(limit) and not 0 < limit <= 1
            else None,
            *(
                f"additional argument {argument!r} contains white space, at which serve splits it: write "
                "--name=value, one argument per item"
                for argument in self.additional_arguments
                if known(argument) and (not argument or any(sign.isspace() for sign in argument))
            ),
            *(
                f"additional argument {argument} contradicts what SageMaker's multi-model mode sets; Triton "
                "would not start or serve no models: leave it out"
                for argument in self.additional_arguments
                if argument.partition("=")[0].strip("-").replace("_", "-") in _RESERVED
            ),
        ]
        if any(faults):
            raise PropsError([fault for fault in faults if fault], path=type(self).__name__)

    def variables(self) -> dict[str, str]:
        """Return the container variables for the settings that are given."""
        numbers = {
            "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": self.shm_default_bytes,
            "SAGEMAKER_TRITON_SHM_GROWTH_BYTE_SIZE": self.shm_growth_bytes,
            "SAGEMAKER_TRITON_THREAD_COUNT": self.thread_count,
            "SAGEMAKER_TRITON_BUFFER_MANAGER_THREAD_COUNT": self.buffer_manager_thread_count,
            "SAGEMAKER_TRITON_MODEL_LOAD_GPU_LIMIT": self.gpu_memory_limit,
        }
        variables = {name: str(value) for name, value in numbers.items() if value is not None}
        if self.log_level is not None:
            variables |= _LOG_VARIABLES[self.log_level]
        arguments = list(self.additional_arguments)
        if not self.auto_complete_config:
            arguments.append("--disable-auto-complete-config")
        if arguments:
            variables[ADDITIONAL_ARGS] = " ".join(arguments)
        return variables


def logs_model_names(variables: Mapping[str, str]) -> bool:
    """Return whether the container's log names the loaded and invoked models: Triton does at INFO."""
    # What `tritonserver` takes for no; `serve` passes the variable on as `--log-info`.
    return variables.get(_LOG_INFO, "").lower() not in ("false", "off", "0")

"""How NVIDIA's Triton serves the models: its settings by name and unit instead of by variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mme_cdk._internal.expectations import FLAG, NUMBER, TEXT, WHOLE, expect, expect_each, kind_of, one_of
from mme_cdk._internal.validation import known, outside

ADDITIONAL_ARGS = "SAGEMAKER_TRITON_ADDITIONAL_ARGS"

_LOG_INFO = "SAGEMAKER_TRITON_LOG_INFO"

# `serve` logs at its most verbose unless told otherwise, which costs in CloudWatch Logs; at 0 Triton still
# says which target model it loads, unloads and invokes.
QUIET = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}

# triton-inference-server/python_backend, `src/python_be.cc`: less and the backend does not start.
_SHM_MIN_BYTES = 1024 * 1024


class TritonLogLevel(Enum):
    """What Triton logs; each level holds those below it."""

    VERBOSE = "verbose"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_LOG_VARIABLES = {
    TritonLogLevel.VERBOSE: {"SAGEMAKER_TRITON_LOG_VERBOSE": "1"},
    TritonLogLevel.INFO: QUIET,
    TritonLogLevel.WARNING: {**QUIET, _LOG_INFO: "false"},
    TritonLogLevel.ERROR: {
        **QUIET,
        _LOG_INFO: "false",
        "SAGEMAKER_TRITON_LOG_WARNING": "false",
    },
}
_LOG_LEVEL = one_of(TritonLogLevel)


@dataclass(frozen=True, kw_only=True)
class TritonSettings:
    """Settings of a Triton container; what is left out is as the image has it.

    `MultiModel` checks them, and raises `PropsError` for numbers out of range.

    Source: triton-inference-server/server, `docker/sagemaker/serve`, which turns variables into arguments; it
    knows `SAGEMAKER_TRITON_ADDITIONAL_ARGS` in every version of this catalog.

    Attributes:
        shm_default_bytes: shared memory that each python-backend model instance starts with, in bytes, at
            least 1 MiB. Default: the image's, 16 MiB.
        shm_growth_bytes: by how many bytes that memory grows when it is full, more than 0. Default: the
            image's, 1 MiB.
        thread_count: threads that answer requests, at least 1. Default: Triton's, 8.
        buffer_manager_thread_count: threads that copy tensors, at least 1. Default: Triton's own choice.
        log_level: what is logged. Below INFO nothing says which model was invoked, so no count by model can
            be made from the logs. Default: INFO, unless a free variable sets the verbosity.
        gpu_memory_limit: share of the GPU's memory, above 0 up to 1, beyond which Triton loads no further
            model. Default: no limit.
        auto_complete_config: whether Triton starts a python-backend model once to complete its
            `config.pbtxt`. False makes a cold load many times faster, and needs complete configurations.
            It uses `SAGEMAKER_TRITON_ADDITIONAL_ARGS`. Default: True.
        additional_arguments: further arguments of `tritonserver`, such as `--exit-timeout-secs=60`; none may
            hold white space, at which `serve` splits them. Default: none.
    """

    shm_default_bytes: int | None = None
    shm_growth_bytes: int | None = None
    thread_count: int | None = None
    buffer_manager_thread_count: int | None = None
    log_level: TritonLogLevel | None = None
    gpu_memory_limit: float | None = None
    auto_complete_config: bool = True
    additional_arguments: Sequence[str] = ()

    def variables(self) -> dict[str, str]:
        """The container variables that say all this, only those that were set."""
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

    def faults(self) -> list[str]:
        """What can't be, one sentence each; empty where all is well."""
        found = [
            outside("shm_default_bytes", self.shm_default_bytes, _SHM_MIN_BYTES),
            outside("shm_growth_bytes", self.shm_growth_bytes, 1),
            outside("thread_count", self.thread_count, 1),
            outside("buffer_manager_thread_count", self.buffer_manager_thread_count, 1),
            self._limit_fault(),
            *(
                f"additional argument {argument!r} holds white space, at which serve would split it: "
                "write --name=value, and give each argument for itself"
                for argument in self.additional_arguments
                if known(argument) and (not argument or any(sign.isspace() for sign in argument))
            ),
        ]
        return [fault for fault in found if fault]

    def kind_faults(self) -> list[str | None]:
        """Its values of the wrong kind; None where nothing is."""
        return [
            expect("shm_default_bytes", self.shm_default_bytes, WHOLE, optional=True),
            expect("shm_growth_bytes", self.shm_growth_bytes, WHOLE, optional=True),
            expect("thread_count", self.thread_count, WHOLE, optional=True),
            expect("buffer_manager_thread_count", self.buffer_manager_thread_count, WHOLE, optional=True),
            expect("log_level", self.log_level, _LOG_LEVEL, optional=True),
            expect("gpu_memory_limit", self.gpu_memory_limit, NUMBER, optional=True),
            expect("auto_complete_config", self.auto_complete_config, FLAG),
            *expect_each("additional_arguments", self.additional_arguments, TEXT),
        ]

    def _limit_fault(self) -> str | None:
        limit = self.gpu_memory_limit
        if limit is None or not known(limit) or 0 < limit <= 1:
            return None
        return f"gpu_memory_limit is {limit}; it is a share of the GPU's memory, above 0 up to 1: 0.8, say"


def says_what_it_does(variables: Mapping[str, str]) -> bool:
    """Whether a container's log tells of loads and calls, which Triton logs at INFO.

    Args:
        variables: the container's.
    """
    # What `tritonserver` takes for no; `serve` hands the variable on as `--log-info`.
    return variables.get(_LOG_INFO, "").lower() not in ("false", "off", "0")


TRITON_SETTINGS = kind_of(
    TritonSettings, noun="a TritonSettings", way_out="use TritonSettings(thread_count=8), say"
)

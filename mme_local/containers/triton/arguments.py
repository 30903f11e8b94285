"""Translate a container's environment to Triton's arguments, as its ``serve`` script does.

Source: triton-inference-server/server, ``docker/sagemaker/serve``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from mme.errors import MmeError

_FLAGS = {
    "SAGEMAKER_TRITON_LOG_VERBOSE": ("--log-verbose", "true"),
    "SAGEMAKER_TRITON_LOG_INFO": ("--log-info", None),
    "SAGEMAKER_TRITON_LOG_WARNING": ("--log-warning", None),
    "SAGEMAKER_TRITON_LOG_ERROR": ("--log-error", None),
    "SAGEMAKER_TRITON_BUFFER_MANAGER_THREAD_COUNT": ("--buffer-manager-thread-count", None),
    "SAGEMAKER_TRITON_THREAD_COUNT": ("--sagemaker-thread-count", None),
}
_PYTHON_BACKEND = {
    "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": ("shm-default-byte-size", str(16 * 1024 * 1024)),
    "SAGEMAKER_TRITON_SHM_GROWTH_BYTE_SIZE": ("shm-growth-byte-size", str(1024 * 1024)),
}
RESERVED = ("--sagemaker-port", "--backend-directory", "--model-repository", "--model-control-mode")
"""Set by the local endpoint itself, as are all address flags."""


def serve_arguments(environment: Mapping[str, str]) -> list[str]:
    """Return Triton's arguments for the ``SAGEMAKER_TRITON_*`` variables of a deployed model.

    Raises:
        MmeError: ``SAGEMAKER_TRITON_ADDITIONAL_ARGS`` can't be split, or holds a reserved argument.
    """
    namespacing = environment.get("SAGEMAKER_TRITON_DISABLE_MODEL_NAMESPACING", "true")
    arguments = [f"--model-namespacing={namespacing}"]
    for variable, (flag, default) in _FLAGS.items():
        value = environment.get(variable) or default
        if value is not None:
            arguments.append(f"{flag}={value}")
    for variable, (setting, fallback) in _PYTHON_BACKEND.items():
        arguments.append(f"--backend-config=python,{setting}={environment.get(variable) or fallback}")
    return arguments + _additional(environment.get("SAGEMAKER_TRITON_ADDITIONAL_ARGS", ""))


def _additional(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise MmeError(
            f"SAGEMAKER_TRITON_ADDITIONAL_ARGS {text!r} can't be split: {error}",
            hint="close each quote, as in a shell",
        ) from None
    for word in words:
        name = word.split("=", 1)[0]
        if name in RESERVED or name.endswith("-address"):
            raise MmeError(
                f"SAGEMAKER_TRITON_ADDITIONAL_ARGS holds {name}; the local endpoint sets it itself",
                hint="remove it from the model's environment, or try it on a deployed endpoint",
            )
    return words

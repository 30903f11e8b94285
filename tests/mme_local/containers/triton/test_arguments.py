from __future__ import annotations

import pytest

from mme.errors import MmeError
from mme_local.containers.triton.arguments import serve_arguments


def test_defaults_are_those_of_serve() -> None:
    assert serve_arguments({}) == [
        "--model-namespacing=true",
        "--log-verbose=true",
        "--backend-config=python,shm-default-byte-size=16777216",
        "--backend-config=python,shm-growth-byte-size=1048576",
    ]


def test_variables_become_arguments() -> None:
    arguments = serve_arguments(
        {
            "SAGEMAKER_TRITON_LOG_VERBOSE": "0",
            "SAGEMAKER_TRITON_THREAD_COUNT": "4",
            "SAGEMAKER_TRITON_SHM_DEFAULT_BYTE_SIZE": "1024",
            "SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--disable-auto-complete-config --log-format='ISO8601'",
            "OTHER": "x",
        }
    )
    assert "--log-verbose=0" in arguments
    assert "--sagemaker-thread-count=4" in arguments
    assert "--backend-config=python,shm-default-byte-size=1024" in arguments
    assert arguments[-2:] == ["--disable-auto-complete-config", "--log-format=ISO8601"]


@pytest.mark.parametrize(
    "argument", ["--sagemaker-port=1", "--http-address=0.0.0.0", "--backend-directory /x"]
)
def test_reserved_arguments_are_refused(argument: str) -> None:
    with pytest.raises(MmeError, match="the local endpoint sets it itself"):
        serve_arguments({"SAGEMAKER_TRITON_ADDITIONAL_ARGS": argument})


def test_an_open_quote_is_one_clear_error() -> None:
    with pytest.raises(MmeError, match="can't be split"):
        serve_arguments({"SAGEMAKER_TRITON_ADDITIONAL_ARGS": "--a='b"})

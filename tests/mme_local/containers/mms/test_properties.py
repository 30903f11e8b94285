"""The server's properties from a container's environment."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError

import pytest

from mme.errors import MmeError
from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.handler import Handler
from mme_local.containers.mms.properties import server_environment, server_properties

FRAMEWORK = handlers.xgboost({})
TOOLKIT = handlers.inference_toolkit({})
PYTORCH = handlers.pytorch({})
TOOLKIT_PACKAGE = "sagemaker-huggingface-inference-toolkit"


@pytest.mark.parametrize(
    ("handler", "environment", "wanted"),
    [
        (
            FRAMEWORK,
            {},
            {
                "default_workers_per_model": "1",
                "job_queue_size": "100",
                "max_request_size": "6291456",
                "number_of_gpu": "0",
            },
        ),
        (
            FRAMEWORK,
            {"SAGEMAKER_NUM_MODEL_WORKERS": "3", "SAGEMAKER_MODEL_JOB_QUEUE_SIZE": "7"},
            {"default_workers_per_model": "3", "job_queue_size": "7"},
        ),
        (FRAMEWORK, {"MAX_CONTENT_LENGTH": "99999999"}, {"max_request_size": "20971520"}),
        (
            FRAMEWORK,
            {"MAX_CONTENT_LENGTH": "7", "SAGEMAKER_MAX_REQUEST_SIZE": "9"},
            {"max_request_size": "9"},
        ),
        (FRAMEWORK, {"SAGEMAKER_MODEL_SERVER_WORKERS": "9"}, {"default_workers_per_model": "1"}),
        (
            TOOLKIT,
            {"SAGEMAKER_MODEL_SERVER_WORKERS": "2", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "3"},
            {"default_workers_per_model": "2", "max_request_size": "3145728"},
        ),
        (
            TOOLKIT,
            {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "5", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "6"},
            {"default_response_timeout": "5", "default_response_timeout_seconds": "6"},
        ),
    ],
)
def test_as_the_images_set_them(
    handler: Handler, environment: dict[str, str], wanted: dict[str, str]
) -> None:
    found = server_properties(handler, environment, "/a/socket")
    assert found["inference_address"] == found["management_address"] == "unix:/a/socket"
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " 1", "²"])
def test_numbers_are_checked(text: str) -> None:
    with pytest.raises(MmeError, match=r"SAGEMAKER_NUM_MODEL_WORKERS is .*whole number of 1 or more"):
        server_properties(FRAMEWORK, {"SAGEMAKER_NUM_MODEL_WORKERS": text}, "/a/socket")


def test_torchserve_has_two_sockets_and_keys() -> None:
    found = server_properties(PYTORCH, {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, "/a/socket")
    assert found["inference_address"] == "unix:/a/socket"
    assert found["management_address"] == "unix:/a/socket.management"
    assert (found["disable_token_authorization"], found["default_workers_per_model"]) == ("false", "2")


def test_the_environment_can_t_open_a_port() -> None:
    given = {"MMS_INFERENCE_ADDRESS": "http://0.0.0.0:8080", "MMS_DEFAULT_RESPONSE_TIMEOUT": "3"}
    given |= {"TS_GRPC_MANAGEMENT_ADDRESS": "10.0.0.7", "TS_DISABLE_TOKEN_AUTHORIZATION": "true"}
    assert server_environment(given) == {"MMS_DEFAULT_RESPONSE_TIMEOUT": "3"}


def test_handlers_by_environment() -> None:
    assert handlers.xgboost({}).module.endswith("xgboost_algorithm")
    assert handlers.xgboost({"SAGEMAKER_PROGRAM": "a.py"}).module.endswith("xgboost_script")
    assert handlers.inference_toolkit({"SAGEMAKER_HANDLER": "a.b:c"}).module == "a.b:c"
    assert handlers.pytorch({"SAGEMAKER_HANDLER": "a.b:c"}).module == "a.b:c"
    with pytest.raises(MmeError, match="SAGEMAKER_PROGRAM is not set"):
        handlers.scikit_learn({})


@pytest.mark.parametrize(
    ("installed", "wanted"),
    [
        ({}, "sagemaker-huggingface-inference-toolkit is not installed"),
        ({TOOLKIT_PACKAGE: "2.6.0"}, "transformers is not installed"),
        (
            {TOOLKIT_PACKAGE: "2.6.0", "transformers": "5.0.1"},
            r"transformers 5\.0\.1 is .*can't import transformers 5",
        ),
        ({TOOLKIT_PACKAGE: "2.6.0", "transformers": "4.57.6"}, None),
    ],
)
def test_what_hugging_face_s_toolkit_needs(
    installed: dict[str, str], wanted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(handlers, "version", version)
    monkeypatch.setattr(handlers, "has", lambda module: module.replace("_", "-") in installed)
    with pytest.raises(MmeError, match=wanted) if wanted else nullcontext():
        handlers.hugging_face({}).check_installed()

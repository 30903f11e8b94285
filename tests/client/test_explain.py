"""botocore's errors as the client's own, from recorded messages of AWS."""

from __future__ import annotations

import pickle

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from mme.client import (
    AccessDeniedError,
    InvalidRequestError,
    InvocationError,
    ModelFailedError,
    ModelLoadError,
    ModelOutOfMemoryError,
    PayloadTooLargeError,
    ReplyError,
    ServiceFaultError,
    ThrottledError,
    UnhealthyModelError,
)
from mme.client.explain import explain

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/mme:log-stream:x"


def error_of(code: str, message: str | None, **more: object) -> InvocationError:
    response = {"Error": {"Code": code, "Message": message}, **more}
    error = explain(ClientError(response, "InvokeEndpoint"), endpoint="mme", model="m.tar.gz")  # type: ignore[arg-type]
    assert error is not None
    return error


def model_error(status: int, words: str) -> ModelFailedError:
    error = error_of(
        "ModelError",
        "Received client error",
        OriginalStatusCode=status,
        OriginalMessage=words,
        LogStreamArn=ARN,
    )
    assert isinstance(error, ModelFailedError)
    return error


USER = "User: arn:aws:sts::123456789012:assumed-role/tenant-b/me is not authorized to perform: "
ENDPOINT = "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/mme"


def test_access_denied_names_the_condition_on_target_models() -> None:
    words = f"{USER}{ENDPOINT} because no identity-based policy allows the sagemaker:InvokeEndpoint action"
    error = error_of("AccessDeniedException", words)
    assert isinstance(error, AccessDeniedError)
    assert error.message == f"you may not invoke m.tar.gz on endpoint mme: {words}"
    assert "condition on sagemaker:TargetModel excludes m.tar.gz" in (error.hint or "")
    assert (error.cause, error.original) == (words, words)


def test_an_explicit_deny_overrides_grants() -> None:
    error = error_of("AccessDeniedException", f"{USER}{ENDPOINT} with an explicit deny in an SCP")
    assert "overrides every grant" in (error.hint or "")


def test_a_body_that_sagemaker_finds_too_large() -> None:
    error = error_of("413", "HTTP content length exceeded 25000000 bytes.")
    assert isinstance(error, PayloadTooLargeError)
    assert error.hint == "send a smaller batch"
    assert "HTTP content length exceeded 25000000 bytes." in error.message


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException", "Throttling", "429"])
def test_throttling_comes_without_a_message(code: str) -> None:
    error = error_of(code, None)
    assert isinstance(error, ThrottledError)
    assert error.message == "endpoint mme throttles calls at this rate, also after retries"
    assert "reduce the concurrency" in (error.hint or "")
    assert (error.cause, error.original) == (code, "")


def test_faults_of_sagemaker() -> None:
    error = error_of("InternalFailure", None)
    assert type(error) is ServiceFaultError
    assert error.message == "SageMaker failed with InternalFailure"


def test_out_of_memory_that_became_a_507_and_one_that_did_not() -> None:
    became = model_error(507, '{"error":"CUDA out of memory. Tried to allocate 2 GiB"}')
    did_not = model_error(400, '{"error":"[ONNXRuntimeError] : 6 : std::bad_alloc"}')
    assert isinstance(became, ModelOutOfMemoryError)
    assert isinstance(did_not, ModelOutOfMemoryError)
    assert (became.became_507, did_not.became_507) == (True, False)
    assert became.message == "m.tar.gz ran out of memory: CUDA out of memory. Tried to allocate 2 GiB"
    assert "did not unload other models" in (did_not.hint or "")


def test_what_does_not_load_keeps_the_whole_text() -> None:
    words = (
        '{"error":"load failed for model \'/opt/ml/models/0123::m.tar.gz\': version 1 is '
        "at UNAVAILABLE state: Internal: KeyError: 'a'\\n\\nAt:\\n  "
        '/opt/ml/models/0123/model/1/model.py(12): initialize\\n;\\n"}'
    )
    error = model_error(400, words)
    assert isinstance(error, ModelLoadError)
    assert error.message == "m.tar.gz does not load: KeyError: 'a' (1/model.py line 12)"
    assert (error.cause, error.file, error.line) == ("KeyError: 'a' (1/model.py line 12)", "1/model.py", 12)
    assert error.original == error.original_message == words
    assert (error.original_status, error.log_stream_arn, error.at_load) == (400, ARN, True)


def test_crash_while_loading() -> None:
    reason = "Internal: Stub process 'm_0' is not healthy.;\n"
    error = model_error(400, f"load failed for model 'x': version 1 is at UNAVAILABLE state: {reason}")
    assert isinstance(error, UnhealthyModelError)
    assert error.message == "m.tar.gz does not load: the process that runs it has ended"


def test_endpoint_that_is_not_multi_model() -> None:
    error = error_of("ValidationError", "TargetModel is not supported by this endpoint")
    assert isinstance(error, InvalidRequestError)
    assert "not multi-model" in (error.hint or "")


def test_credentials_are_no_matter_of_invoking() -> None:
    assert explain(NoCredentialsError(), endpoint="mme", model="m.tar.gz") is None


def test_errors_travel_between_processes() -> None:
    error = model_error(507, "no memory")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is ModelOutOfMemoryError
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_a_web_servers_own_404_is_not_aws() -> None:
    error = error_of("404", "<!doctype html>\n<title>404 Not Found</title>")
    assert isinstance(error, ReplyError)
    assert "does not answer like AWS" in error.message


def test_a_fault_is_one_line() -> None:
    error = error_of("503", "<html>\n<h1>busy</h1>\n</html>")
    assert isinstance(error, ServiceFaultError)
    assert error.cause == "503: <html> <h1>busy</h1> </html>"

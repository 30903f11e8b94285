"""boto3's exceptions become the client's errors: recorded messages of AWS."""

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
    UnknownEndpointError,
    UnknownModelError,
)
from mme.client.explain import explain

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/mme:log-stream:x"
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/tenant-b/me is not authorized to perform: "
    "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint/mme "
)
DOWNLOAD = (
    "Failed to download model data(bucket: b, key: models/m.tar.gz). Please ensure that there is an object "
    "located at the URL and that the role passed to CreateModel has permissions."
)
THROTTLED = "endpoint mme throttles calls at this rate, also after retries"


def error_of(code: str, message: str | None, **more: object) -> InvocationError:
    response = {"Error": {"Code": code, "Message": message}, **more}
    error = explain(ClientError(response, "InvokeEndpoint"), endpoint="mme", model="m.tar.gz")  # type: ignore[arg-type]
    assert error is not None
    return error


def model_error(status: int, words: str) -> InvocationError:
    return error_of("ModelError", "x", OriginalStatusCode=status, OriginalMessage=words, LogStreamArn=ARN)


@pytest.mark.parametrize(
    ("code", "message", "kind", "words", "hint"),
    [
        (
            "AccessDeniedException",
            f"{DENIED}because no identity-based policy allows the sagemaker:InvokeEndpoint action",
            AccessDeniedError,
            f"you may not invoke m.tar.gz on endpoint mme: {DENIED}",
            "condition on sagemaker:TargetModel excludes m.tar.gz",
        ),
        (
            "AccessDeniedException",
            f"{DENIED}with an explicit deny in an SCP",
            AccessDeniedError,
            "explicit deny",
            "overrides every grant",
        ),
        (
            "413",
            "HTTP content length exceeded 25000000 bytes.",
            PayloadTooLargeError,
            "HTTP content length exceeded 25000000 bytes.",
            "send a smaller batch",
        ),
        ("ThrottlingException", None, ThrottledError, THROTTLED, "reduce the concurrency"),
        ("TooManyRequestsException", None, ThrottledError, THROTTLED, "add instances"),
        ("429", None, ThrottledError, THROTTLED, "add instances"),
        ("InternalFailure", None, ServiceFaultError, "SageMaker failed with InternalFailure", "retry"),
        ("503", "<p>\nbusy\n</p>", ServiceFaultError, "503: <p> busy </p>", "retry"),
        (
            "ValidationError",
            "Endpoint mme of account 123456789012 not found.",
            UnknownEndpointError,
            "there is no endpoint mme here",
            "the region",
        ),
        (
            "ValidationError",
            DOWNLOAD,
            UnknownModelError,
            "m.tar.gz is not available to endpoint mme: s3://b/models/m.tar.gz does not exist",
            "mme models list",
        ),
        (
            "ValidationError",
            "TargetModel is not supported by this endpoint",
            InvalidRequestError,
            "refused the request: TargetModel is not supported",
            "not multi-model",
        ),
        ("404", "<!doctype html>\n<title>404</title>", ReplyError, "does not answer like AWS", "URL"),
    ],
)
def test_answers_of_aws(code: str, message: str | None, kind: type, words: str, hint: str) -> None:
    error = error_of(code, message)
    assert type(error) is kind
    assert words in error.message
    assert hint in (error.hint or "")
    assert "\n" not in error.cause


@pytest.mark.parametrize("status", [507, 400])
def test_out_of_memory(status: int) -> None:
    error = model_error(status, '{"error":"CUDA out of memory. Tried to allocate 2 GiB"}')
    assert isinstance(error, ModelOutOfMemoryError)
    assert error.became_507 is (status == 507)
    assert error.message == "m.tar.gz ran out of memory: CUDA out of memory. Tried to allocate 2 GiB"
    assert ("did not unload other models" in (error.hint or "")) is (status == 400)


def test_a_load_error_has_the_whole_message() -> None:
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


def test_unclear_errors_refer_to_the_log() -> None:
    error = model_error(400, '{"error":"boom"}')
    assert type(error) is ModelFailedError
    assert error.message == "m.tar.gz failed with status 400: boom"
    assert error.hint == "look at its log: mme endpoint logs --model m.tar.gz"


def test_a_name_without_its_ending_is_hinted_at() -> None:
    response = {"Error": {"Code": "ValidationError", "Message": DOWNLOAD}}
    error = explain(ClientError(response, "InvokeEndpoint"), endpoint="mme", model="add_sub")  # type: ignore[arg-type]
    assert isinstance(error, UnknownModelError)
    assert error.hint == (
        "give the archive's full name, such as add_sub_v0.tar.gz; list the models: mme models list"
    )


def test_missing_credentials_are_not_translated() -> None:
    assert explain(NoCredentialsError(), endpoint="mme", model="m.tar.gz") is None


def test_errors_can_be_pickled() -> None:
    error = model_error(507, "no memory")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is ModelOutOfMemoryError
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)

"""Explain boto3's errors that are not about models: credentials, region, connection, throttling."""

from __future__ import annotations

from traceback import walk_tb
from typing import Final
from urllib.parse import urlsplit

from mme.aws.s3_errors import missing_bucket
from mme.aws.settings import LOCAL_PORT, THIS_MACHINE
from mme.errors import MmeError

DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
"""Error codes for missing rights."""
_EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_UNKNOWN_KEYS: Final = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
)
_THROTTLED: Final = (
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)
"""Throttling codes of botocore's standard retries, except LimitExceededException, which may mean a quota."""

_CHECK: Final = "check --region, --endpoint-url, the AWS_* variables and the AWS configuration"


def error_code(error: BaseException) -> str:
    """Return the code of an AWS error; empty for other errors."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def explain_aws_error(error: BaseException, url: str | None = None) -> MmeError | None:
    """Explain an error of boto3; None if it is another error.

    Args:
        error: The error.
        url: The URL that was called, if known.
    """
    from boto3.exceptions import Boto3Error
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, ResponseParserError) or _is_of_another_server(error):
        return MmeError(
            f"{url or 'the endpoint URL'} does not answer like AWS: another server is there",
            hint="check --region, --endpoint-url, MME_ENDPOINT_URL and AWS_ENDPOINT_URL",
        )
    if isinstance(error, exceptions.ClientError):
        return _client_error(error, url or _called_url(error))
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return _unreachable(error)
    if not isinstance(error, exceptions.BotoCoreError) and (found := _configuration_error(error)):
        return found
    for kinds, message, hint in (
        (
            (exceptions.ProfileNotFound,),
            f"there is no AWS profile {getattr(error, 'kwargs', {}).get('profile')!r}",
            "list the profiles: aws configure list-profiles; set --profile, MME_PROFILE or AWS_PROFILE",
        ),
        (
            (exceptions.NoRegionError,),
            "no AWS region is set",
            "set --region, MME_REGION, AWS_DEFAULT_REGION or AWS_REGION",
        ),
        (
            (exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
            "no AWS credentials were found",
            "set --profile, or sign in: aws sso login",
        ),
        (
            (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError),
            f"the AWS credentials are not available: {error}",
            "sign in again: aws sso login",
        ),
        (
            (exceptions.ConfigParseError, exceptions.ConfigNotFound, exceptions.InvalidConfigError),
            f"the AWS configuration can't be read: {_text(error)}",
            "fix that file, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
        ),
        (
            (exceptions.BotoCoreError, Boto3Error),
            f"the call to AWS failed: {_text(error)}",
            _CHECK if _is_configuring(error) or isinstance(error, exceptions.EndpointProviderError) else None,
        ),
    ):
        if isinstance(error, kinds):
            return MmeError(message, hint=hint)
    return None


def _configuration_error(error: BaseException) -> MmeError | None:
    """Explain a failure of boto3 at the values of its configuration, which it does not check; or None."""
    text = _text(error)
    if isinstance(error, ValueError) and text.startswith("Invalid endpoint"):
        return MmeError(f"i{text[1:]}", hint="check --endpoint-url and --region")
    if isinstance(error, OSError) or not _is_configuring(error):
        return None
    return MmeError(
        f"boto3 can't use the AWS configuration: {type(error).__name__}: {text}",
        hint="check the configuration and credentials files, and the AWS_* variables",
    )


def _is_configuring(error: BaseException) -> bool:
    steps = ("create_client", "get_credentials", "load_credentials")
    return any(
        frame.f_code.co_name in steps and str(frame.f_globals.get("__name__")).startswith("botocore.")
        for frame, _ in walk_tb(error.__traceback__)
    )


def _called_url(error: BaseException) -> str:
    """Return the URL of the client that failed; empty if it is unknown."""
    clients = (
        frame.f_locals.get("self")
        for frame, _ in walk_tb(error.__traceback__)
        if frame.f_code.co_name == "_make_api_call"
    )
    return next((str(client.meta.endpoint_url) for client in clients if client), "")


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())


def _is_of_another_server(error: BaseException) -> bool:
    """Return whether the error has only an HTTP status: neither an error code nor a request id."""
    response = getattr(error, "response", None) or {}
    metadata = response.get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode") in (404, 405, 501) and not (
        metadata.get("RequestId") or not error_code(error).isdecimal()
    )


def _unreachable(error: Exception) -> MmeError:
    members = getattr(error, "kwargs", {})
    if "proxy_url" in members:
        # botocore hides only a part of a password with characters that are not encoded
        proxy = str(members["proxy_url"]).rpartition("@")[2]
        return MmeError(
            f"the proxy {proxy} can't be reached", hint="check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        )
    fault = members.get("error")
    if isinstance(fault, ValueError) and _is_of_proxy(fault):  # its text may show the password
        return MmeError(
            "the URL of the proxy is not valid",
            hint="check HTTP_PROXY and HTTPS_PROXY: http://HOST:PORT; percent-encode the password",
        )
    if isinstance(fault, ValueError):  # its text shows the header, which may be a secret
        return MmeError(
            "the request to AWS can't be sent: a header has characters that HTTP does not allow",
            hint="check the credentials, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, for line breaks",
        )
    url = str(members.get("endpoint_url", "AWS"))
    parts = urlsplit(url)
    if parts.hostname in THIS_MACHINE:
        port = "" if parts.port in (None, LOCAL_PORT) else f" --port {parts.port}"
        return MmeError(
            f"nothing answers at {parts.scheme}://{parts.netloc}: the local endpoint does not run there",
            hint=f"start it: mme local up --detach{port}",
        )
    return MmeError(f"{url} can't be reached", hint="check the network, --region and --endpoint-url")


def _is_of_proxy(error: BaseException) -> bool:
    """Return whether botocore or urllib3 failed at the URL of the proxy."""
    return any("proxy" in frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__))


def _client_error(error: Exception, url: str) -> MmeError:
    response = getattr(error, "response", {})
    fault = response.get("Error", {})
    code, message = fault.get("Code", ""), fault.get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    operation = getattr(error, "operation_name", "the call")
    if code in _EXPIRED:
        return MmeError("the AWS credentials have expired", hint="sign in again: aws sso login")
    if code in _UNKNOWN_KEYS:
        return MmeError(f"AWS does not know these credentials: {message}", hint="check --profile")
    if code in DENIED:
        return MmeError(f"{operation} is denied: {message}", hint="use credentials that allow it: --profile")
    if status == 429 or status >= 500 or code in _THROTTLED:
        return _temporary_error(operation, code or str(status), status, message, url)
    if code == "NoSuchBucket":
        return missing_bucket(fault.get("BucketName") or f"of {operation}")
    return MmeError(f"AWS refused {operation} with {code or status}: {message}".rstrip(": "))


def _temporary_error(operation: str, code: str, status: int, message: str, url: str) -> MmeError:
    retried = f", also when tried again: {message}" if message else ", also when tried again"
    if status == 429 or code in _THROTTLED:
        return MmeError(
            f"{operation} was throttled with {code}{retried}",
            hint="try again in a minute: others may be using up the account's or the bucket's requests",
        )
    if urlsplit(url).hostname in THIS_MACHINE:
        return MmeError(
            f"the local endpoint failed at {operation} with {code}{retried}",
            hint="start it in the foreground, which prints all its output: mme local up",
        )
    return MmeError(
        f"AWS failed at {operation} with {code}{retried}",
        hint="try again later; AWS reports outages at https://health.aws.amazon.com",
    )

"""boto3's errors that have nothing to do with models: credentials, region, connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from mme.aws.settings import LOCAL_PORT, THIS_MACHINE
from mme.errors import MmeError

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_REFUSED_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_THROTTLED = (
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
"""What botocore's standard retries take for throttling, but for what some services say of a quota."""


def explain_aws_error(error: BaseException, url: str | None = None) -> MmeError | None:
    """One clear message for an error of boto3's, or None for an error of anybody else's.

    Args:
        error: what boto3 raised.
        url: what was asked, where that is known.
    """
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(error, ResponseParserError) or _of_no_aws(error):
        return MmeError(
            f"{url or 'the endpoint URL'} does not answer like AWS: some other server is there",
            hint="check --region, --endpoint-url, MME_ENDPOINT_URL and AWS_ENDPOINT_URL",
        )
    if isinstance(error, exceptions.ClientError):
        return _refused(error)
    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return _unreachable(error)
    explanations: list[tuple[tuple[type[BaseException], ...], str, str]] = [
        (
            (exceptions.ProfileNotFound,),
            f"there is no AWS profile {getattr(error, 'kwargs', {}).get('profile')!r}",
            "see what there is: aws configure list-profiles; set it by --profile, MME_PROFILE or AWS_PROFILE",
        ),
        (
            (exceptions.NoRegionError,),
            "no AWS region is set",
            "give --region, MME_REGION, AWS_DEFAULT_REGION or AWS_REGION",
        ),
        (
            (exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
            "no AWS credentials were found",
            "give --profile, or sign in: aws sso login",
        ),
        (
            (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError),
            f"the AWS credentials can't be had: {error}",
            "sign in again: aws sso login",
        ),
    ]
    for kinds, message, hint in explanations:
        if isinstance(error, kinds):
            return MmeError(message, hint=hint)
    if isinstance(error, exceptions.BotoCoreError):
        return MmeError(f"the call to AWS failed: {' '.join(str(error).split())}")
    return None


def _of_no_aws(error: BaseException) -> bool:
    """True for a refusal in the words of some HTTP server: no code but the status, and no request id."""
    response = getattr(error, "response", None) or {}
    facts = response.get("ResponseMetadata", {})
    return facts.get("HTTPStatusCode") in (404, 405, 501) and not (
        facts.get("RequestId") or not str(response.get("Error", {}).get("Code", "")).isdecimal()
    )


def _unreachable(error: Exception) -> MmeError:
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", "AWS"))
    parts = urlsplit(url)
    if parts.hostname in THIS_MACHINE:
        return MmeError(
            f"nothing answers at {parts.scheme}://{parts.netloc}: the local runtime is not up there",
            hint="start it: mme local up --detach" + _port_option(parts.port),
        )
    return MmeError(f"{url} can't be reached", hint="check the network, --region and --endpoint-url")


def _port_option(port: int | None) -> str:
    return "" if port in (None, LOCAL_PORT) else f" --port {port}"


def _refused(error: Exception) -> MmeError:
    response = getattr(error, "response", {})
    fault = response.get("Error", {})
    code, message = fault.get("Code", ""), fault.get("Message", "")
    operation = getattr(error, "operation_name", "the call")
    if code in _EXPIRED:
        return MmeError("the AWS credentials have expired", hint="sign in again: aws sso login")
    if code in _REFUSED_KEYS:
        return MmeError(f"AWS does not know these credentials: {message}", hint="check --profile")
    if code in _DENIED:
        return MmeError(f"{operation} is denied: {message}", hint="use credentials that may do it: --profile")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = _passing(operation, code or str(status), status, message)
    if passing is not None:
        return passing
    if code == "NoSuchBucket":
        bucket = fault.get("BucketName")
        return MmeError(
            f"there is no bucket {bucket}" if bucket else f"the bucket that {operation} asked does not exist",
            hint="check --env, --stack and --profile: mme endpoint doctor",
        )
    return MmeError(f"AWS refused {operation} with {code or status}: {message}".rstrip(": "))


def _passing(operation: str, code: str, status: int, message: str) -> MmeError | None:
    """An error for what may be over by itself: throttling, a fault of AWS's own."""
    said = f", also when tried again: {message}" if message else ", also when tried again"
    if status == 429 or code in _THROTTLED:
        return MmeError(
            f"{operation} was throttled with {code}{said}",
            hint="try again in a minute: others may be using up the account's or the bucket's requests",
        )
    return MmeError(f"AWS failed at {operation} with {code}{said}") if status >= 500 else None

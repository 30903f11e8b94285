"""The same requests to S3 by obstore: a fifth of boto3's work for each, and more of them at once."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mme.registry.objects import CONTENT_TYPE, BotoObjects, NameTakenError, OnRetry, StoredObject

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

_Result = TypeVar("_Result")

MAX_TRIES: Final = 9
"""Tries of one request: with the waits between them about half a minute."""

_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 8.0
_PASSING: Final = ("RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded")
"""Codes that S3, or a store that speaks as it does, gives with a status below 500 for what passes."""

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9._@-]+(/[A-Za-z0-9._@-]+)*/?")
_AMAZON = re.compile(r"\.amazonaws\.com(\.cn)?$")


def fast_objects(session: boto3.Session, s3: S3Client, bucket: str, prefix: str) -> FastObjects | None:
    """The fast way to a bucket, or None where only boto3 goes there.

    That is where certificates of one's own are set, which obstore would not know, and where keys hold what
    obstore would write in another way.

    Args:
        session: has the credentials.
        s3: a boto3 client that reaches the bucket.
        bucket: the bucket's name.
        prefix: that all keys begin with.
    """
    own_certificates = s3.meta.endpoint_url.startswith("https:") and any(
        os.environ.get(name) for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    )
    plain = not prefix or (_PLAIN_KEY.fullmatch(prefix) and "." not in prefix.split("/"))
    if own_certificates or not plain or session.get_credentials() is None:
        return None
    return FastObjects(session, s3, bucket)


class FastObjects:
    """By obstore. Requests are tried again here, not in obstore, which would do so without a word.

    Args:
        session: has the credentials.
        s3: a boto3 client that reaches the bucket.
        bucket: the bucket's name.
        sleep: waits between two tries.
    """

    def __init__(
        self,
        session: boto3.Session,
        s3: S3Client,
        bucket: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._boto = BotoObjects(s3, bucket)
        self._sleep = sleep
        self._told: list[OnRetry] = []
        self._url = s3.meta.endpoint_url
        self._store = self._open(session)

    def put_new(self, key: str, body: bytes, metadata: Mapping[str, str]) -> str:
        """As `Objects` says.

        Where an answer is lost and the request tried again, S3 refuses the second: it then looks as if
        somebody else had taken the key. Whoever looks at it finds the same content.
        """
        import obstore

        attributes: Any = {"Content-Type": CONTENT_TYPE, **metadata}
        result = self._tried(
            "PutObject",
            lambda: obstore.put(
                self._store, key, body, attributes=attributes, mode="create", use_multipart=False
            ),
        )
        return result["e_tag"] or ""

    def head(self, key: str) -> StoredObject | None:
        """As `Objects` says."""
        import obstore

        try:
            found = self._tried("HeadObject", lambda: obstore.get(self._store, key, options={"head": True}))
        except FileNotFoundError:
            return None
        except ValueError:  # a key that obstore would write otherwise: a//b, a/../b
            return self._boto.head(key)
        meta = found.meta
        metadata = {str(name).lower(): str(value) for name, value in found.attributes.items()}
        return StoredObject(key, meta["size"], meta["last_modified"], meta["e_tag"] or "", metadata)

    def listed(self, start: str, *, max_pages: int | None = None) -> list[StoredObject] | None:
        """As `Objects` says.

        obstore lists whole folders only, and gives up at keys that it would write otherwise (`a//b`): boto3
        does the rest.
        """
        import obstore
        from obstore.exceptions import BaseError

        if start and not start.endswith("/"):
            return self._boto.listed(start, max_pages=max_pages)
        found: list[StoredObject] = []
        try:
            chunks = obstore.list(self._store, start or None, chunk_size=1000)
            for count, chunk in enumerate(chunks, 1):
                if max_pages is not None and count > max_pages:
                    return None
                found += [
                    StoredObject(item["path"], item["size"], item["last_modified"], item["e_tag"] or "")
                    for item in chunk
                ]
        except (BaseError, OSError):
            return self._boto.listed(start, max_pages=max_pages)
        return sorted(found, key=lambda item: item.key)

    @contextmanager
    def retries_told(self, on_retry: OnRetry) -> Iterator[None]:
        """As `Objects` says."""
        self._told.append(on_retry)
        try:
            with self._boto.retries_told(on_retry):
                yield
        finally:
            self._told.remove(on_retry)

    def _tried(self, operation: str, call: Callable[[], _Result]) -> _Result:
        from obstore.exceptions import AlreadyExistsError, BaseError

        for number in range(1, MAX_TRIES + 1):
            try:
                return call()
            except AlreadyExistsError as error:
                raise NameTakenError from error
            except FileNotFoundError as error:
                if operation == "HeadObject":
                    raise
                raise self._translated(operation, error) from error
            except BaseError as error:
                reason = _passing_fault(error)
                if reason is None or number == MAX_TRIES:
                    raise self._translated(operation, error) from error
                for tell in self._told:
                    tell(reason)
                # Anywhere up to the longest wait: publishers that were refused together don't come back
                # together ("full jitter" of AWS's Architecture Blog).
                self._sleep(random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2**number)))  # noqa: S311
        raise AssertionError

    def _translated(self, operation: str, error: Exception) -> Exception:
        """The error that boto3 would have raised."""
        from botocore.exceptions import ClientError, EndpointConnectionError

        text = str(error)
        status = _STATUS.search(text)
        if status is None:
            return EndpointConnectionError(endpoint_url=self._url, error=text.splitlines()[0])
        code, message = _CODE.search(text), _MESSAGE.search(text)
        missing = {"404": "NoSuchBucket", "403": "AccessDenied"}.get(status[1], status[1])
        response: Any = {
            "Error": {
                "Code": code[1] if code else missing,
                "Message": message[1] if message else _phrase(int(status[1])),
            },
            "ResponseMetadata": {"HTTPStatusCode": int(status[1]), "RequestId": "obstore"},
        }
        return ClientError(response, operation)

    def _open(self, session: boto3.Session) -> Any:
        from obstore.auth.boto3 import Boto3CredentialProvider
        from obstore.store import S3Store

        region, url = self._place()
        options: Any = {"allow_http": True, "timeout": "120s", "connect_timeout": "10s"}
        return S3Store(
            self._bucket,
            region=region,
            endpoint=url,
            virtual_hosted_style_request=False,
            # botocore renews credentials ten minutes before their end at the latest.
            credential_provider=Boto3CredentialProvider(session, ttl=timedelta(minutes=5)),
            client_options=options,
            retry_config={"max_retries": 0},
        )

    def _place(self) -> tuple[str, str]:
        """The bucket's region and the address there: boto3 follows it to another region, obstore does not."""
        from urllib.parse import urlsplit

        from botocore.exceptions import ClientError

        own, url = self._s3.meta.region_name, self._url
        if not _AMAZON.search(urlsplit(url).hostname or ""):
            return own, url
        try:
            region = self._s3.head_bucket(Bucket=self._bucket).get("BucketRegion", own)
        except ClientError as error:
            # Also who may not look at the bucket is told where it is.
            headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            region = headers.get("x-amz-bucket-region", own)
        return region, url.replace("s3.amazonaws.com", f"s3.{own}.amazonaws.com").replace(own, region)


def _phrase(status: int) -> str:
    """What HTTP calls a status; botocore says as much of an answer without a body."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no words beside the status"


def _passing_fault(error: Exception) -> str | None:
    """What may be over when it is tried again: throttling, a fault of the server, a lost connection."""
    text = str(error)
    status = _STATUS.search(text)
    if status is None:
        return "no answer" if "HTTP error" in text else None
    code = _CODE.search(text)
    if int(status[1]) >= 500 or status[1] == "429" or (code and code[1] in _PASSING):
        return code[1] if code else status[1]
    return None

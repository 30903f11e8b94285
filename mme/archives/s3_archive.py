"""Explain an archive in S3 while it is downloaded; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING: Final = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class S3Url:
    """`s3://BUCKET/KEY`.

    Attributes:
        bucket: The bucket's name.
        key: The object's key.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> S3Url | None:
        """Parse a URL; return None if the text is not a URL.

        Raises:
            MmeError: It is another kind of URL, or names no bucket or no object.
        """
        scheme, mark, rest = text.partition("://")
        if not mark:
            return None
        if scheme.lower() != "s3":
            text = f"{text!r} can't be read; archives are files and s3://BUCKET/KEY, not {scheme}://"
            raise MmeError(text, hint="download it first, and give the path")
        bucket, _, key = rest.partition("/")
        if not bucket or not key or key.endswith("/"):
            hint = "write s3://BUCKET/KEY, e.g. s3://models/add_sub_v0.tar.gz"
            raise MmeError(f"{text!r} names no object in S3", hint=hint)
        return cls(bucket, key)


def explain_object(client: S3Client, url: S3Url, **options: Any) -> Explanation:
    """Explain an archive in S3.

    Args:
        client: Of S3.
        url: The archive's.
        options: Of `explain`.

    Raises:
        MmeError: There is no such object, or an option is unknown.
        botocore.exceptions.ClientError: S3 refuses otherwise.
    """
    from botocore.exceptions import ClientError

    try:
        body = client.get_object(Bucket=url.bucket, Key=url.key)["Body"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "NoSuchBucket":
            hint = "check its name, --region and --profile: aws s3 ls"
            raise MmeError(f"there is no bucket {url.bucket!r}, and so no {url}", hint=hint) from error
        if code in _MISSING:
            raise MmeError(f"there is no {url}", hint="mme models list shows what is published") from error
        raise
    with body:
        return explain(cast(IO[bytes], body), name=str(url), **options)

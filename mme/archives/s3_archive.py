"""An archive that lies in S3, explained while it is downloaded; nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.errors import MmeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEME: Final = "s3"
_MISSING: Final = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class S3Url:
    """`s3://BUCKET/KEY`.

    Attributes:
        bucket: its name.
        key: of the object.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> S3Url | None:
        """Reads a URL; None where the text is none of S3.

        Raises:
            MmeError: it is another kind of URL, or names no bucket or no object.
        """
        scheme, mark, _ = text.partition("://")
        if not mark:
            return None
        if scheme.lower() != _SCHEME:
            raise MmeError(
                f"{text!r} can't be read: archives are files and s3://BUCKET/KEY, not {scheme}://",
                hint="download it first, and give the path",
            )
        parts = urlsplit(text, allow_fragments=False)
        key = text.partition("://")[2].partition("/")[2]
        if not parts.netloc or not key or key.endswith("/"):
            raise MmeError(
                f"{text!r} names no object in S3",
                hint="write s3://BUCKET/KEY, e.g. s3://models/add_sub_v0.tar.gz",
            )
        return cls(parts.netloc, key)


def explain_object(client: S3Client, url: S3Url, **options: Any) -> Explanation:
    """Explains an archive in S3.

    Args:
        client: of S3.
        url: where it lies.
        options: of `explain`.

    Raises:
        MmeError: there is no such object, or an option names nothing known.
        botocore.exceptions.ClientError: S3 refuses otherwise.
    """
    from botocore.exceptions import ClientError

    try:
        body = client.get_object(Bucket=url.bucket, Key=url.key)["Body"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "NoSuchBucket":
            raise MmeError(
                f"there is no bucket {url.bucket!r}, and so no {url}",
                hint="check its name, --region and --profile: aws s3 ls",
            ) from error
        if code in _MISSING:
            raise MmeError(f"there is no {url}", hint="mme models list shows what is published") from error
        raise
    with body:
        return explain(cast(IO[bytes], body), name=str(url), **options)

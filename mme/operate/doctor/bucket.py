"""Whether the bucket holds models that the endpoint can be asked for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from mme.operate.doctor.finding import Finding, Patient, Severity

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ARCHIVE: Final = ".tar.gz"
_SHOWN: Final = 3


def check_bucket(patient: Patient) -> list[Finding]:
    """The bucket is there, in the endpoint's region, closed to the public, with archives under the prefix."""
    from botocore.exceptions import ClientError

    s3, bucket, prefix = patient.clients.s3, patient.deployment.bucket, patient.deployment.prefix
    try:
        head: Any = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            message = f"the bucket {bucket} does not exist"
            return [Finding("bucket", Severity.ERROR, message, "deploy the models' stack again")]
        raise
    found = [*_region(patient, head), *_public(s3, bucket)]
    good, strange = _keys(s3, bucket, prefix)
    if strange:
        named = ", ".join(strange[:_SHOWN]) + (", ..." if len(strange) > _SHOWN else "")
        message = f"{len(strange)} objects under {prefix} are no archives: {named}"
        hint = "each can be asked for as a TargetModel and fails: move them to another prefix"
        found.append(Finding("bucket", Severity.WARNING, message, hint))
    if not good:
        message = f"s3://{bucket}/{prefix} holds no model"
        found.append(Finding("bucket", Severity.WARNING, message, "mme models add PATH"))
    else:
        plural = "" if good == 1 else "s"
        found.append(Finding("bucket", Severity.OK, f"s3://{bucket}/{prefix} holds {good:,} archive{plural}"))
    return found


def _region(patient: Patient, head: Any) -> list[Finding]:
    headers = head["ResponseMetadata"].get("HTTPHeaders", {})
    there = head.get("BucketRegion") or headers.get("x-amz-bucket-region")
    if not there or there == patient.clients.region:
        return []
    message = f"the bucket is in {there}, the endpoint in {patient.clients.region}"
    return [Finding("bucket", Severity.ERROR, message, "an endpoint's models must be in its own region")]


def _public(s3: S3Client, bucket: str) -> list[Finding]:
    from botocore.exceptions import ClientError

    try:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            return []  # Who may not ask learns it from those who may.
        block = {}
    if block and all(block.values()):
        return []
    message = f"the bucket {bucket} does not block all public access"
    fix = (
        f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration "
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
    )
    return [Finding("bucket", Severity.WARNING, message, fix)]


def _keys(s3: S3Client, bucket: str, prefix: str) -> tuple[int, list[str]]:
    """How many archives there are, and the first of the rest. A folder's own empty object is no matter."""
    good = 0
    strange: list[str] = []
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for found in (one for page in pages for one in page.get("Contents", [])):
        if found["Key"].endswith(_ARCHIVE):
            good += 1
        elif not found["Key"].endswith("/"):
            strange.append(found["Key"].removeprefix(prefix))
    return good, list(islice(strange, 1000))

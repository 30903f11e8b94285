"""AWS::S3::Bucket and BucketPolicy."""

from __future__ import annotations

import json
from collections.abc import Callable

from botocore.exceptions import ClientError

from mme_local.aws.cloudformation.faults import ResourceFault
from mme_local.aws.cloudformation.resource import Physical, Properties, Request, ResourceType
from mme_local.aws.resource_types.s3_settings import PROVIDED, apply_settings, create_request

_LONGEST_NAME = 63


class Bucket:
    """A bucket with its settings. Ref is its name; one that holds objects cannot be deleted."""

    name_property = "BucketName"

    def replaces(self, before: Properties, after: Properties) -> bool:
        """Only a change of the name."""
        return before.get("BucketName") != after.get("BucketName")

    def create(self, request: Request, properties: Properties) -> Physical:
        """CreateBucket, then each setting; a setting that fails takes the bucket with it."""
        if unknown := sorted(set(properties) - PROVIDED):
            raise ResourceFault(f"Embedded AWS does not provide {', '.join(unknown)} of AWS::S3::Bucket")
        name = properties.get("BucketName") or request.generated_name(_LONGEST_NAME, lower=True)
        request.aws.call("s3", "create_bucket", create_request(name, request.region, properties))
        try:
            apply_settings(request.aws, name, {}, properties)
        except Exception:
            request.aws.call("s3", "delete_bucket", {"Bucket": name})
            raise
        return Physical(name, _attributes(name, request.region))

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:
        """Each setting that changed."""
        if unknown := sorted(set(after) - PROVIDED):
            raise ResourceFault(f"Embedded AWS does not provide {', '.join(unknown)} of AWS::S3::Bucket")
        apply_settings(request.aws, physical.id, before, after)
        return physical

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteBucket: S3 itself refuses while objects or versions are left."""
        try:
            request.aws.call("s3", "delete_bucket", {"Bucket": physical.id})
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise


class BucketPolicy:
    """A bucket's policy. Ref is the bucket's name."""

    name_property = None

    def replaces(self, before: Properties, after: Properties) -> bool:
        """When it moves to another bucket."""
        return bool(before["Bucket"] != after["Bucket"])

    def create(self, request: Request, properties: Properties) -> Physical:
        """PutBucketPolicy; a bucket has one."""
        bucket = properties["Bucket"]
        if _policy_of(request, bucket) is not None:
            raise ResourceFault(f"The bucket policy already exists on bucket {bucket}.")
        return self._put(request, properties)

    def update(self, request: Request, physical: Physical, before: Properties, after: Properties) -> Physical:  # noqa: ARG002
        """PutBucketPolicy again."""
        return self._put(request, after)

    def delete(self, request: Request, physical: Physical, properties: Properties) -> None:  # noqa: ARG002
        """DeleteBucketPolicy."""
        try:
            request.aws.call("s3", "delete_bucket_policy", {"Bucket": physical.id})
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"NoSuchBucket", "NoSuchBucketPolicy"}:
                raise

    def _put(self, request: Request, properties: Properties) -> Physical:
        document = properties["PolicyDocument"]
        policy = document if isinstance(document, str) else json.dumps(document)
        request.aws.call("s3", "put_bucket_policy", {"Bucket": properties["Bucket"], "Policy": policy})
        return Physical(properties["Bucket"])


def _policy_of(request: Request, bucket: str) -> str | None:
    try:
        return str(request.aws.call("s3", "get_bucket_policy", {"Bucket": bucket})["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return None
        raise


def _attributes(name: str, region: str) -> dict[str, str]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
    }


TYPES: dict[str, Callable[[], ResourceType]] = {
    "AWS::S3::Bucket": Bucket,
    "AWS::S3::BucketPolicy": BucketPolicy,
}

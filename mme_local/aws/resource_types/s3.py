"""AWS::S3::Bucket and BucketPolicy. Ref of each is the bucket's name."""

from __future__ import annotations

from botocore.exceptions import ClientError

from mme_local.aws.resource_types.handler import (
    Physical,
    ResourceError,
    ResourceRequest,
    ResourceType,
    json_text,
)
from mme_local.aws.resource_types.s3_settings import PROVIDED, apply_settings, create_request

_LONGEST_NAME = 63


class BucketType(ResourceType):
    """A bucket with its settings; one that holds objects cannot be deleted."""

    name_property = "BucketName"
    create_only = frozenset({"BucketName"})
    provided = PROVIDED
    delete_call = ("s3", "delete_bucket", "Bucket")
    missing = "NoSuchBucket"

    def create(self, request: ResourceRequest) -> Physical:
        """CreateBucket, then each setting; if one fails, the bucket is deleted."""
        name, region = request.name("BucketName", _LONGEST_NAME, lower=True), request.region
        request.call("s3", "create_bucket", **create_request(name, region, request.properties))
        try:
            apply_settings(request, name)
        except Exception:
            request.call("s3", "delete_bucket", Bucket=name)
            raise
        attributes = {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
        }
        return Physical(name, attributes)

    def update(self, request: ResourceRequest) -> Physical:
        apply_settings(request, request.physical.id)
        return request.physical


class BucketPolicyType(ResourceType):
    """A bucket's policy."""

    create_only = frozenset({"Bucket"})
    delete_call = ("s3", "delete_bucket_policy", "Bucket")
    missing = "NoSuchBucket"

    def create(self, request: ResourceRequest) -> Physical:
        """PutBucketPolicy; a bucket has at most one."""
        bucket = request.properties["Bucket"]
        if _has_policy(request, bucket):
            raise ResourceError(f"The bucket policy already exists on bucket {bucket}.")
        return self.update(request)

    def update(self, request: ResourceRequest) -> Physical:
        bucket, policy = request.properties["Bucket"], json_text(request.properties["PolicyDocument"])
        request.call("s3", "put_bucket_policy", Bucket=bucket, Policy=policy)
        return Physical(bucket)


def _has_policy(request: ResourceRequest, bucket: str) -> bool:
    try:
        request.call("s3", "get_bucket_policy", Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return False
        raise
    return True

"""AWS::S3::Bucket and BucketPolicy. Ref of each is the bucket's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import ClientError

from mme_local.aws.resource_types.handler import (
    Physical,
    Properties,
    ResourceError,
    ResourceRequest,
    ResourceType,
    refuse_others,
)


def _renamed(value: Properties, names: dict[str, str]) -> dict[str, Any]:
    """Return `value` with its members in the API's spelling."""
    return {names.get(name, name): member for name, member in value.items()}


def _encryption(value: Properties) -> dict[str, Any]:
    default = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [_renamed(rule, default) for rule in value["ServerSideEncryptionConfiguration"]]}


def _logging(value: Properties) -> dict[str, Any]:
    names = {"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"}
    # the API requires a prefix
    return {"LoggingEnabled": {"TargetPrefix": "", **_renamed(value, names)}}


def _cors(value: Properties) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {"CORSRules": [_renamed(rule, names) for rule in value["CorsRules"]]}


def _notifications(value: Properties) -> dict[str, Any]:
    return {"EventBridgeConfiguration": {}} if value.get("EventBridgeConfiguration") else {}


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    made = {_RULE[name]: value for name, value in rule.items() if name in _RULE}
    if expiration := {_EXPIRATION[name]: value for name, value in rule.items() if name in _EXPIRATION}:
        made["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    for name, names in _TRANSITIONS.items():
        if transitions := rule.get(name):
            made[name] = [_renamed(one, names) for one in transitions]
    conditions: dict[str, Any] = {name: rule[name] for name in _FILTERS if name in rule}
    tags = rule.get("TagFilters") or []
    if len(conditions) + len(tags) > 1:
        made["Filter"] = {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    else:
        made["Filter"] = {"Tag": tags[0]} if tags else (conditions or {"Prefix": ""})
    return made


_RULE = {
    "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload",
    "Id": "ID",
    "NoncurrentVersionExpiration": "NoncurrentVersionExpiration",
    "Status": "Status",
}
_EXPIRATION = {
    "ExpirationDate": "Date",
    "ExpirationInDays": "Days",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
_TRANSITIONS = {
    "NoncurrentVersionTransitions": {"TransitionInDays": "NoncurrentDays"},
    "Transitions": {"TransitionDate": "Date", "TransitionInDays": "Days"},
}
_FILTERS = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


_NOTIFICATIONS = frozenset({"EventBridgeConfiguration"})


class _Setting(NamedTuple):
    """A property that S3 has an operation for.

    Attributes:
        put: The operation.
        member: The parameter.
        absent: The operation that removes the setting, or the parameter's value that does.
        convert: Returns the parameter's value from the property's.
    """

    put: str
    member: str
    absent: str | dict[str, str]
    convert: Callable[[Any], Any] = lambda value: value


_SETTINGS = {
    "BucketEncryption": _Setting(
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "delete_bucket_encryption",
        _encryption,
    ),
    "CorsConfiguration": _Setting("put_bucket_cors", "CORSConfiguration", "delete_bucket_cors", _cors),
    "LifecycleConfiguration": _Setting(
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        "delete_bucket_lifecycle",
        lambda value: {"Rules": list(map(_lifecycle_rule, value["Rules"]))},
    ),
    "LoggingConfiguration": _Setting("put_bucket_logging", "BucketLoggingStatus", {}, _logging),
    "NotificationConfiguration": _Setting(
        "put_bucket_notification_configuration", "NotificationConfiguration", {}, _notifications
    ),
    "OwnershipControls": _Setting(
        "put_bucket_ownership_controls", "OwnershipControls", "delete_bucket_ownership_controls"
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "put_public_access_block", "PublicAccessBlockConfiguration", "delete_public_access_block"
    ),
    "Tags": _Setting(
        "put_bucket_tagging", "Tagging", "delete_bucket_tagging", lambda value: {"TagSet": value}
    ),
    "VersioningConfiguration": _Setting(
        "put_bucket_versioning", "VersioningConfiguration", {"Status": "Suspended"}
    ),
}


class BucketType(ResourceType):
    """A bucket with its settings; one that holds objects cannot be deleted."""

    name_property = "BucketName"
    create_only = frozenset({"BucketName"})
    provided = frozenset({*_SETTINGS, "AccessControl", "BucketName", "ObjectLockEnabled"})

    def check(self, type_name: str, properties: Properties) -> None:
        """Refuse properties that would be ignored, and notifications that would not be sent."""
        super().check(type_name, properties)
        notifications = properties.get("NotificationConfiguration") or {}
        refuse_others(f"NotificationConfiguration of {type_name}", notifications, _NOTIFICATIONS)

    def create(self, request: ResourceRequest) -> Physical:
        """CreateBucket, then each setting; if one fails, the bucket is deleted."""
        name, region = request.name("BucketName", 63, lower=True), request.region
        given: dict[str, Any] = {"Bucket": name}
        if region != "us-east-1":
            given["CreateBucketConfiguration"] = {"LocationConstraint": region}
        if "ObjectLockEnabled" in request.properties:
            given["ObjectLockEnabledForBucket"] = request.properties["ObjectLockEnabled"]
        if "AccessControl" in request.properties:
            given["ACL"] = xform_name(request.properties["AccessControl"], "-")  # BucketOwnerRead
        request.call("s3", "create_bucket", **given)
        try:
            _apply_settings(request, name)
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
        _apply_settings(request, request.physical.id)
        return request.physical

    def delete(self, request: ResourceRequest) -> None:
        request.call_unless("NoSuchBucket", "s3", "delete_bucket", Bucket=request.physical.id)


def _apply_settings(request: ResourceRequest, bucket: str) -> None:
    for name in [name for name in _SETTINGS if name in request.changed]:
        setting, value = _SETTINGS[name], request.properties.get(name)
        if not value and isinstance(setting.absent, str):
            request.call("s3", setting.absent, Bucket=bucket)
        else:
            put = setting.convert(value) if value else setting.absent
            request.call("s3", setting.put, Bucket=bucket, **{setting.member: put})


class BucketPolicyType(ResourceType):
    """A bucket's policy."""

    create_only = frozenset({"Bucket"})

    def create(self, request: ResourceRequest) -> Physical:
        """PutBucketPolicy; a bucket has at most one."""
        bucket = request.properties["Bucket"]
        if _has_policy(request, bucket):
            raise ResourceError(f"The bucket policy already exists on bucket {bucket}.")
        return self.update(request)

    def update(self, request: ResourceRequest) -> Physical:
        bucket, policy = request.properties["Bucket"], request.properties["PolicyDocument"]
        request.call("s3", "put_bucket_policy", Bucket=bucket, Policy=policy)
        return Physical(bucket)

    def delete(self, request: ResourceRequest) -> None:
        request.call_unless("NoSuchBucket", "s3", "delete_bucket_policy", Bucket=request.physical.id)


def _has_policy(request: ResourceRequest, bucket: str) -> bool:
    try:
        request.call("s3", "get_bucket_policy", Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return False
        raise
    return True


TYPES = {"AWS::S3::Bucket": BucketType(), "AWS::S3::BucketPolicy": BucketPolicyType()}

"""A bucket's settings: the S3 API's call for each property of AWS::S3::Bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from mme_local.aws.resource_types.handler import Properties, ResourceRequest, changed


@dataclass(frozen=True)
class _Setting:
    """How a property is put and removed.

    Attributes:
        put: The S3 operation.
        member: The parameter that has the value.
        convert: Returns the API's value.
        delete: The operation that removes the setting; None puts `otherwise` instead.
        otherwise: The value that removes the setting.
    """

    put: str
    member: str
    convert: Callable[[Any], Any]
    delete: str | None = None
    otherwise: Any = None


def apply_settings(request: ResourceRequest, bucket: str) -> None:
    """Put or remove each setting that differs from the previous properties.

    Args:
        request: Has the wanted and the previous properties.
        bucket: The bucket's name.
    """
    differing = changed(request.previous, request.properties)
    for name, setting in _SETTINGS.items():
        if name not in differing:
            continue
        if value := request.properties.get(name):
            request.call("s3", setting.put, Bucket=bucket, **{setting.member: setting.convert(value)})
        elif setting.delete:
            request.call("s3", setting.delete, Bucket=bucket)
        else:
            request.call("s3", setting.put, Bucket=bucket, **{setting.member: setting.otherwise})


def create_request(name: str, region: str, properties: Properties) -> dict[str, Any]:
    """Return CreateBucket's parameters.

    Args:
        name: The bucket's name.
        region: Where it is created.
        properties: The template's properties.
    """
    made: dict[str, Any] = {"Bucket": name}
    if region != "us-east-1":
        made["CreateBucketConfiguration"] = {"LocationConstraint": region}
    if str(properties.get("ObjectLockEnabled")).lower() == "true":
        made["ObjectLockEnabledForBucket"] = True
    if "AccessControl" in properties:
        made["ACL"] = xform_name(properties["AccessControl"], "-")  # BucketOwnerRead
    return made


def _same(value: Any) -> Any:
    return value


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


def _tags(value: list[dict[str, str]]) -> dict[str, Any]:
    return {"TagSet": value}


def _cors(value: Properties) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {"CORSRules": [_renamed(rule, names) for rule in value["CorsRules"]]}


def _lifecycle(value: Properties) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


_EXPIRATION = {"ExpirationInDays": "Days", "ExpirationDate": "Date"}
_TRANSITION = {"TransitionInDays": "Days", "TransitionDate": "Date"}
_NONCURRENT = {"TransitionInDays": "NoncurrentDays"}
_UNCHANGED = ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
_FILTERS = ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    made: dict[str, Any] = {name: rule[name] for name in _UNCHANGED if name in rule}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    expiration = {api: rule[name] for name, api in _EXPIRATION.items() if name in rule}
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    if expiration:
        made["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if transitions := rule.get("Transitions"):
        made["Transitions"] = [_renamed(one, _TRANSITION) for one in transitions]
    if transitions := rule.get("NoncurrentVersionTransitions"):
        made["NoncurrentVersionTransitions"] = [_renamed(one, _NONCURRENT) for one in transitions]
    made["Filter"] = _filter(rule)
    return made


def _filter(rule: Properties) -> dict[str, Any]:
    """Return S3's filter: one condition, several in `And`, or an empty prefix."""
    conditions: dict[str, Any] = {name: rule[name] for name in _FILTERS if name in rule}
    tags = rule.get("TagFilters") or []
    if len(conditions) + len(tags) > 1:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    return {"Tag": tags[0]} if tags else (conditions or {"Prefix": ""})


def _notifications(value: Properties) -> dict[str, Any]:
    return {"EventBridgeConfiguration": {}} if value.get("EventBridgeConfiguration") else {}


_SETTINGS = {
    "BucketEncryption": _Setting(
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
        delete="delete_bucket_encryption",
    ),
    "VersioningConfiguration": _Setting(
        "put_bucket_versioning", "VersioningConfiguration", _same, otherwise={"Status": "Suspended"}
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        _same,
        delete="delete_public_access_block",
    ),
    "OwnershipControls": _Setting(
        "put_bucket_ownership_controls", "OwnershipControls", _same, delete="delete_bucket_ownership_controls"
    ),
    "LifecycleConfiguration": _Setting(
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        _lifecycle,
        delete="delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": _Setting("put_bucket_logging", "BucketLoggingStatus", _logging, otherwise={}),
    "NotificationConfiguration": _Setting(
        "put_bucket_notification_configuration", "NotificationConfiguration", _notifications, otherwise={}
    ),
    "CorsConfiguration": _Setting("put_bucket_cors", "CORSConfiguration", _cors, delete="delete_bucket_cors"),
    "Tags": _Setting("put_bucket_tagging", "Tagging", _tags, delete="delete_bucket_tagging"),
}

PROVIDED = frozenset({*_SETTINGS, "AccessControl", "BucketName", "ObjectLockEnabled"})

"""A bucket's settings: each property of AWS::S3::Bucket as the S3 API's own call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mme_local.aws.clients import AwsClients
from mme_local.aws.cloudformation.resource import Properties

Converter = Callable[[Any], Any]


@dataclass(frozen=True)
class _Setting:
    """How one property is put and taken back.

    Attributes:
        put: the S3 operation, and `member`, the parameter that carries the value.
        delete: the operation that takes the setting back, or None where `otherwise` is put instead.
    """

    put: str
    member: str
    convert: Converter
    delete: str | None = None
    otherwise: Any = None


def apply_settings(aws: AwsClients, bucket: str, before: Properties, after: Properties) -> None:
    """Make the bucket's settings those of `after`, calling only for those that differ from `before`."""
    for name, setting in _SETTINGS.items():
        if before.get(name) == after.get(name):
            continue
        if after.get(name):
            value = setting.convert(after[name])
            aws.call("s3", setting.put, {"Bucket": bucket, setting.member: value})
        elif setting.delete:
            aws.call("s3", setting.delete, {"Bucket": bucket})
        else:
            aws.call("s3", setting.put, {"Bucket": bucket, setting.member: setting.otherwise})


def create_request(name: str, region: str, properties: Properties) -> dict[str, Any]:
    """CreateBucket's parameters: what can only be said then."""
    made: dict[str, Any] = {"Bucket": name}
    if region != "us-east-1":
        made["CreateBucketConfiguration"] = {"LocationConstraint": region}
    if str(properties.get("ObjectLockEnabled")).lower() == "true":
        made["ObjectLockEnabledForBucket"] = True
    if "AccessControl" in properties:
        words = properties["AccessControl"]
        made["ACL"] = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in words)[1:]
    return made


def _same(value: Any) -> Any:
    return value


def _renamed(value: Properties, names: dict[str, str]) -> dict[str, Any]:
    """`value` with its members in the API's spelling."""
    return {names.get(name, name): member for name, member in value.items()}


def _encryption(value: Properties) -> dict[str, Any]:
    default = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [_renamed(rule, default) for rule in value["ServerSideEncryptionConfiguration"]]}


def _logging(value: Properties) -> dict[str, Any]:
    names = {"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"}
    # the API wants a prefix, if only an empty one
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
    """S3's filter: a single condition stands alone, several stand in `And`, none is an empty prefix."""
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

"""What to write instead of a value of the wrong type, and how to recognize the interfaces of CDK."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from mme_cdk._internal.validation import known


class CdkInterface(NamedTuple):
    """An interface of CDK, which `isinstance` does not know.

    Attributes:
        noun: With its article, for messages.
        member: What every object of the interface has.
    """

    noun: str
    member: str


CDK_INTERFACES: Final = {
    "IAlarm": CdkInterface("an alarm", "alarm_name"),
    "IAlarmAction": CdkInterface("an alarm action", "bind"),
    "IBucket": CdkInterface("a bucket", "bucket_name"),
    "IGrantable": CdkInterface("a role, a user or another grantable", "grant_principal"),
    "IKey": CdkInterface("a KMS key", "key_arn"),
    "IManagedPolicy": CdkInterface("a managed policy", "managed_policy_arn"),
    "IMetric": CdkInterface("a metric", "to_metric_config"),
    "IRepository": CdkInterface("an ECR repository", "repository_arn"),
    "IRole": CdkInterface("a role", "role_arn"),
    "IRuleTarget": CdkInterface("an event rule target", "bind"),
    "ISecurityGroup": CdkInterface("a security group", "security_group_id"),
    "IVpc": CdkInterface("a VPC", "vpc_id"),
    "Schedule": CdkInterface("a Schedule", "expression_string"),
}


def _import(cls: str, noun: str, other: str) -> tuple[str, str, str]:
    """Return the hints of a class with `from_NOUN_arn` and `from_NOUN_name`; see `_HINTS`."""
    arn, name = (f'use {cls}.from_{noun}_{kind}(self, "Id", "{{}}")' for kind in ("arn", "name"))
    return arn, name, other


# By type: for an ARN, for another string, for any other value. `{}` is the value.
_HINTS: Final[dict[str, tuple[str, str, str]]] = {
    "DataCapture": ("", "", "use DataCapture(bucket=..., sampling_percentage=...)"),
    "DeploymentStrategy": ("", "", "use DeploymentStrategy.all_at_once(), canary(), linear() or rolling()"),
    "EndpointBase": _import(
        "EndpointBase",
        "endpoint",
        "pass a MultiModelEndpoint, or import one with EndpointBase.from_endpoint_name",
    ),
    "EndpointConfig": ("", "", "use EndpointConfig(self, id, model=..., instance_type=...)"),
    "IAlarm": ("", 'use Alarm.from_alarm_name(self, "Id", "{}")', "use aws_cloudwatch.Alarm"),
    "IAlarmAction": ("", "", "use aws_cloudwatch_actions.SnsAction(topic), or AlarmTopic(...).action"),
    "IBucket": _import("Bucket", "bucket", "use ModelBucket, or Bucket.from_bucket_name for an existing one"),
    "IGrantable": _import(
        "Role", "role", "pass the construct, or import one with aws_iam.Role.from_role_name"
    ),
    "IKey": ('use Key.from_key_arn(self, "Id", "{}")', "", "use aws_kms.Key"),
    "IManagedPolicy": _import("ManagedPolicy", "managed_policy", "use aws_iam.ManagedPolicy"),
    "IMetric": ("", "", "use endpoint.metric(...), or aws_cloudwatch.Metric"),
    "IRepository": (
        "",
        'use Repository.from_repository_name(self, "Id", "{}"), or ServingImage.from_uri for a URI',
        "use aws_ecr.Repository",
    ),
    "IRole": _import("Role", "role", "use aws_iam.Role, or leave it out for a new role"),
    "IRuleTarget": ("", "", "use a class of aws_events_targets, such as SnsTopic(topic)"),
    "ExchangePrefixes": ("", "", 'use ExchangePrefixes(inputs="async/input/")'),
    "AlarmThresholds": ("", "", 'use AlarmThresholds(cpu_percent={"critical": 90})'),
    "ISecurityGroup": (
        "",
        'use SecurityGroup.from_security_group_id(self, "Id", "{}")',
        "use aws_ec2.SecurityGroup",
    ),
    "IVpc": ("", 'use Vpc.from_lookup(self, "Id", vpc_id="{}")', "use aws_ec2.Vpc"),
    "ModelStore": ("", "", "use ModelStore.from_bucket(bucket)"),
    "MultiModel": ("", "", "use MultiModel(self, id, image=..., models=...)"),
    "PipelineContainer": ("", "", "use PipelineContainer(image=...)"),
    "RetentionDays": ("", "", "use a member of aws_logs.RetentionDays, such as RetentionDays.ONE_MONTH"),
    "Schedule": ("", 'use Schedule.expression("{}")', "use Schedule.cron(...)"),
    "ServingImage": ("", "", 'use ServingImage.triton("26.05"), another framework, or ServingImage.from_uri'),
    "SubnetSelection": ("", "", "use SubnetSelection(subnets=...) or SubnetSelection(subnet_type=...)"),
    "TimeZone": ("", 'use TimeZone.of("{}")', 'use TimeZone.of("Europe/Berlin")'),
    "TritonSettings": ("", "", "use TritonSettings(thread_count=8), for example"),
    "datetime": ("", "", "use datetime(2030, 1, 31, 12, 0, tzinfo=UTC)"),
}


def hint_for(value: Any, name: str, cls: object) -> str:
    """Return what to write instead of a value of the wrong type; empty if the message says enough.

    Args:
        value: What the caller passed.
        name: The wanted type.
        cls: Its class, if it is loaded.
    """
    if name in _BY_VALUE and (found := _BY_VALUE[name](value)):
        return found
    if isinstance(cls, type) and issubclass(cls, Enum) and (found := _enum_hint(value, cls)):
        return found
    arn, text, other = _HINTS.get(name, ("", "", ""))
    if isinstance(value, str) and (found := (value.startswith("arn:") and arn) or text):
        return found.format(value)
    return other


def with_article(name: str) -> str:
    """Return a class name with its article, such as `an EndpointConfig`."""
    return f"{'an' if name[:1].upper() in 'AEIOU' else 'a'} {name}"


def _enum_hint(value: object, cls: type[Enum]) -> str:
    for each in cls:
        if isinstance(value, str) and value.lower() in {each.name.lower(), str(each.value).lower()}:
            return f"use {cls.__name__}.{each.name}"
    return f"use one of {', '.join(map(str, cls))}" if len(cls) <= 10 else ""


def _string_hint(value: Any) -> str:
    # An aws_ec2.InstanceType, without loading aws_ec2; it lacks the `ml.` of SageMaker's types.
    if type(value).__name__ == "InstanceType":
        return f'use "ml.{value.to_string()}"'
    return f'use "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number_hint(value: object) -> str:
    if isinstance(value, str):
        if not known(value):
            return "use Token.as_number for a value known at deployment"
        try:
            value = float(value)
        except ValueError:
            return ""
        return f"use {value:g}, without quotes" if math.isfinite(value) else ""
    return ""


def _integer_hint(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"use {math.floor(value)} or {math.ceil(value)}"
    return _number_hint(value)


def _capacity_hint(value: object) -> str:
    number = value if isinstance(value, int) else "..."
    return f"use CapacitySize.percent({number}) or CapacitySize.instances({number})"


def _strategy_hint(value: object) -> str:
    factories = ("all_at_once", "canary", "linear", "rolling")
    return f"use DeploymentStrategy.{value}()" if value in factories else ""


def _retention_hint(value: object) -> str:
    names = {
        7: "ONE_WEEK",
        14: "TWO_WEEKS",
        30: "ONE_MONTH",
        90: "THREE_MONTHS",
        180: "SIX_MONTHS",
        365: "ONE_YEAR",
    }
    return f"use RetentionDays.{names[value]}" if isinstance(value, int) and value in names else ""


def _unit_hint(factory: str, default: int) -> Callable[[object], str]:
    def hint(value: object) -> str:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else default
        return f"use {factory}({number})"

    return hint


_BY_VALUE: Final[dict[str, Callable[[Any], str]]] = {
    "CapacitySize": _capacity_hint,
    "DeploymentStrategy": _strategy_hint,
    "Duration": _unit_hint("Duration.seconds", 300),
    "RetentionDays": _retention_hint,
    "ServingImage": lambda value: (
        f'use ServingImage.from_uri("{value}")' if ".dkr.ecr." in str(value) else ""
    ),
    "Size": lambda value: f"{_unit_hint('Size.mebibytes', 1024)(value)} or Size.gibibytes(...)",
    "float": _number_hint,
    "int": _integer_hint,
    "str": _string_hint,
}

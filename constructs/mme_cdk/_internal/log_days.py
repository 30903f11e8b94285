"""How long a log is kept, as the kind of value that props take."""

from __future__ import annotations

from typing import Final

from mme_cdk._internal.expectations import Kind

# What CloudWatch Logs knows, in the order of CDK's RetentionDays.
_DAYS: Final = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def _accepts(value: object) -> bool:
    # Late: most stacks keep no log, and each module of aws-cdk costs start-up time.
    from aws_cdk.aws_logs import RetentionDays

    return isinstance(value, RetentionDays)


def _way_out(value: object) -> str:
    from aws_cdk.aws_logs import RetentionDays

    if isinstance(value, str) and value.upper() in RetentionDays.__members__:
        return f"use RetentionDays.{value.upper()}"
    if isinstance(value, int) and value in _DAYS:
        return f"use RetentionDays.{list(RetentionDays)[_DAYS.index(value)].name}"
    return "use one of aws_logs.RetentionDays, such as RetentionDays.ONE_MONTH"


LOG_DAYS = Kind(noun="a RetentionDays", accepts=_accepts, way_out=_way_out)

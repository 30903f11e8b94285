"""Dashboard, alarms and saved log queries of one endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack
from weakref import WeakKeyDictionary

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack, aws_cloudwatch, aws_sagemaker
from constructs import Construct, IConstruct

from mme.catalog.instances import instance_type as describe
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, outside, pending, require
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.alarms import create_alarms, pascal_case, wanted_alarms
from mme_cdk.monitoring.dashboard import alarm_row, graph_rows, heading_row, query_rows
from mme_cdk.monitoring.log_queries import LOG_QUERIES
from mme_cdk.monitoring.metric_expressions import MetricExpressions

if TYPE_CHECKING:
    from aws_cdk import aws_logs

RUNBOOK = "docs/runbook.md"
"""This project's runbook, relative to its repository."""


class MonitoringProps(TypedDict, total=False):
    """Optional props of `EndpointMonitoring` and `add_monitoring`.

    Attributes:
        thresholds: Alarm thresholds by severity. Default: `AlarmThresholds()`.
        actions: Actions by severity, taken when an alarm is raised and when it ends. Default: none.
        runbook_url: Page that alarm descriptions link, with a section for each alarm.
            Default: `docs/runbook.md`; give the URL at which your team reads it.
        name_prefix: Prefix of alarm, dashboard and query names. Default: the endpoint's name; for a further
            variant, with its name. An account's dashboards of all regions need different names.
        dashboard: Whether to create a dashboard. Default: True.
        log_queries: Whether to save log queries and show some on the dashboard. Default: True.
        period: Period of the metrics, whole minutes. Default: 1 minute.
        minimum_requests: Error and unload rates are 0 in a period with fewer requests, at least 1.
            Default: 10.
        log_retention: How long log lines are stored. The stack then creates the log group
            `/aws/sagemaker/Endpoints/NAME`, **and the deployment fails if the group exists**;
            docs/runbook.md lists the fixes. Default: SageMaker creates it, and lines never expire.
        log_removal_policy: Removal policy of that log group; a retained group makes the next deployment
            of the endpoint fail. Default: it is deleted.
    """

    thresholds: AlarmThresholds | None
    actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]] | None
    runbook_url: str | None
    name_prefix: str | None
    dashboard: bool
    log_queries: bool
    period: Duration | None
    minimum_requests: int
    log_retention: aws_logs.RetentionDays | None
    log_removal_policy: RemovalPolicy


class EndpointMonitoring(Construct):
    """Dashboard, alarms and saved log queries of an endpoint; `add_monitoring` creates it.

    CloudWatch has no metrics of single models. The saved Logs Insights queries over Triton's log lines show
    requests, loads, unloads, load times and errors by model. Other containers log other lines.

    Attributes:
        dashboard: The dashboard; None without one.
        log_group: The endpoint's log group; None if SageMaker creates it.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: EndpointBase,
        instance_type: str | None = None,
        variant_name: str | None = None,
        **props: Unpack[MonitoringProps],
    ) -> None:
        """Monitor an endpoint.

        Args:
            scope: Parent construct.
            id: Construct id.
            endpoint: Defined here or imported.
            instance_type: Instance type of the variant; alarms and graphs of GPU and CPU need it.
                Default: unknown; `add_monitoring` of an endpoint knows it.
            variant_name: Variant to monitor. Default: the first.
            props: See `MonitoringProps`.

        Raises:
            PropsError: Values of a wrong type, a threshold out of range, a severity named twice, actions for
                a severity that no alarm has, GPU thresholds for an instance type without GPU, retention for
                an endpoint that is not of this app, an unknown variant, an endpoint of another region, or a
                name that another monitoring has.
        """
        thresholds = props.get("thresholds") or AlarmThresholds()
        actions = props.get("actions") or {}
        runbook_url = props.get("runbook_url") or RUNBOOK
        log_queries = LOG_QUERIES if props.get("log_queries", True) else ()
        period = props.get("period") or Duration.minutes(1)
        minimum_requests = props.get("minimum_requests", 10)
        retention = props.get("log_retention")
        kind = describe(instance_type) if instance_type and known(instance_type) else None
        has_gpu = kind is not None and kind.gpus > 0
        if variant_name is not None and known(variant_name):
            endpoint.require_variant(variant_name)
        prefix = props.get("name_prefix") or _default_prefix(endpoint, variant_name)
        require(
            *thresholds.faults(instance_type, has_gpu=has_gpu),
            *_action_faults(actions, thresholds),
            outside("minimum_requests", minimum_requests, 1),
            _period_fault(period),
            _region_fault(endpoint, Stack.of(scope), thresholds),
            _retention_fault(endpoint) if retention is not None else None,
            at=(scope, id),
        )
        expressions = MetricExpressions(
            endpoint=endpoint,
            variant_name=variant_name or endpoint.variant_name,
            period=period,
            vcpus=kind.vcpus if kind else None,
            has_gpu=has_gpu,
            minimum_requests=minimum_requests,
        )
        names = [
            *(("alarm", f"{prefix}-{name}") for name, *_ in wanted_alarms(expressions, thresholds)),
            *(("query", f"{prefix}/{query.name}") for query in log_queries),
        ]
        if props.get("dashboard", True):
            names.append(("dashboard", _dashboard_name(prefix)))
        require(_claim(scope, f"{scope.node.path}/{id}", names), at=(scope, id))
        super().__init__(scope, id)
        self._alarms = create_alarms(
            self, expressions, thresholds, name_prefix=prefix, runbook_url=runbook_url, actions=actions
        )
        log_group = f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name}"
        for query in log_queries:
            # Not by its class: to load that module of aws-cdk costs as much as all of these calls.
            CfnResource(
                self,
                f"{pascal_case(query.name)}Query",
                type="AWS::Logs::QueryDefinition",
                properties={
                    "Name": f"{prefix}/{query.name}",
                    "LogGroupNames": [log_group],
                    "QueryString": query.text,
                },
            )
        self.log_group: aws_logs.ILogGroup | None = None
        if retention is not None:
            policy = props.get("log_removal_policy", RemovalPolicy.DESTROY)
            self.log_group = self._own_log_group(endpoint, log_group, retention, policy)
        self.dashboard: aws_cloudwatch.Dashboard | None = None
        if props.get("dashboard", True):
            alarms = [alarm for severity in self._alarms.values() for alarm in severity]
            self.dashboard = aws_cloudwatch.Dashboard(
                self,
                "Dashboard",
                dashboard_name=_dashboard_name(prefix),
                widgets=[
                    heading_row(endpoint.endpoint_name, runbook_url),
                    *([alarm_row(alarms)] if alarms else []),
                    *graph_rows(expressions),
                    *query_rows(log_queries[:4], log_group),
                ],
            )

    @property
    def alarms(self) -> Mapping[str, Sequence[aws_cloudwatch.Alarm]]:
        """The alarms by severity in lower case."""
        return self._alarms

    def alarms_of(self, severity: str) -> Sequence[aws_cloudwatch.Alarm]:
        """Return the alarms of a severity, for example to roll deployments back.

        Args:
            severity: As in the thresholds; case does not matter.

        Raises:
            PropsError: No alarm has that severity.
        """
        found = self._alarms.get(severity.lower())
        if not found:
            have = ", ".join(self._alarms) or "none"
            raise PropsError([f"no alarm has severity {severity}: there are {have}"], path=self.node.path)
        return found

    def _own_log_group(
        self, endpoint: EndpointBase, name: str, retention: aws_logs.RetentionDays, policy: RemovalPolicy
    ) -> aws_logs.LogGroup:
        """Define the endpoint's log group, which the stack creates before the endpoint.

        Otherwise SageMaker creates it at the first line, without expiry, and does not delete it.
        """
        from aws_cdk import aws_logs

        scope = Construct(self, "Log")
        found = aws_logs.LogGroup(
            scope, "Resource", log_group_name=name, retention=retention, removal_policy=policy
        )
        resource, group = endpoint.node.default_child, found.node.default_child
        if isinstance(resource, CfnResource) and isinstance(group, CfnResource):
            resource.add_dependency(group)
        return found


def _action_faults(
    actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]], thresholds: AlarmThresholds
) -> list[str]:
    severities = thresholds.severities()
    return [
        f"actions name severity {severity}, which no alarm has: use one of {', '.join(severities) or 'none'}"
        for severity in actions
        if severity.lower() not in severities
    ]


def _region_fault(endpoint: EndpointBase, stack: Stack, thresholds: AlarmThresholds) -> str | None:
    _, region = endpoint.place
    if not known(region) or region == stack.region or not thresholds.severities():
        return None
    return (
        f"the endpoint is in region {region} and this stack in another; an alarm reads metrics of its own "
        "region only: monitor the endpoint in a stack of its region"
    )


def _period_fault(period: Duration) -> str | None:
    seconds = period.to_seconds(integral=False)
    if known(seconds) and seconds >= 60 and seconds % 60 == 0:
        return None
    length = f"{seconds:g} s" if known(seconds) else "known at deployment only"
    return f"period is {length}; must be one or more whole minutes, as the metrics are published"


def _retention_fault(endpoint: EndpointBase) -> str | None:
    if isinstance(endpoint.node.default_child, aws_sagemaker.CfnEndpoint):
        return None
    return (
        f"log_retention is given for {endpoint.endpoint_name}, which this app does not define; SageMaker "
        "creates its log group at the first line and does not delete it: leave log_retention out and run aws "
        f"logs put-retention-policy --log-group-name /aws/sagemaker/Endpoints/{endpoint.endpoint_name} "
        "--retention-in-days DAYS"
    )


def _default_prefix(endpoint: EndpointBase, variant_name: str | None) -> str:
    """Return the endpoint's name; of a further variant, with its name."""
    further = variant_name is not None and variant_name != endpoint.variant_name
    return f"{endpoint.endpoint_name}-{variant_name}" if further else endpoint.endpoint_name


# What has which name, by app: of alarms and queries in a region, of dashboards in an account.
_claims: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], str]] = WeakKeyDictionary()


def _claim(scope: Construct, owner: str, names: Sequence[tuple[str, str]]) -> str | None:
    """Claim names of resources, each after its kind; return the fault if another owner has one."""
    stack = Stack.of(scope)
    claims = _claims.setdefault(scope.node.root, {})
    keys = []
    for kind, name in names:
        place = (stack.account,) if kind == "dashboard" else (stack.account, stack.region)
        key = (*(place if all(map(known, place)) else (stack.node.path,)), kind, name)
        if known(name) and claims.get(key, owner) != owner:
            shared = ", and an account shares its dashboards" if kind == "dashboard" else ""
            return f"{kind} name {name} is taken by {claims[key]}{shared}: give name_prefix"
        keys.append(key)
    claims |= dict.fromkeys(keys, owner)
    return None


def _dashboard_name(prefix: str) -> str:
    """Return the prefix; until a lookup is made, in characters that a dashboard's name may have."""
    return re.sub(r"[^\w-]", "-", prefix) if pending(prefix) else prefix

"""Dashboard, alarms and saved log queries of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack, aws_cloudwatch
from constructs import Construct

from mme.catalog.instances import instance_type as describe
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import PropsError, known, outside, require
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.alarms import AlarmFactory
from mme_cdk.monitoring.contributor_rules import CONTRIBUTOR_RULES, rule_body
from mme_cdk.monitoring.dashboard import alarm_row, graph_rows, heading_row, query_rows
from mme_cdk.monitoring.log_queries import LOG_QUERIES
from mme_cdk.monitoring.log_retention import define_log_group, retention_fault
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
        name_prefix: Prefix of alarm, dashboard and query names. Default: the endpoint's name.
        dashboard: Whether to create a dashboard. Default: True.
        log_queries: Whether to save log queries and show some on the dashboard. Default: True.
        period: Period of the metrics, whole minutes. Default: 1 minute.
        minimum_requests: Error and unload rates are 0 in a period with fewer requests, at least 1.
            Default: 10.
        contributor_insights: Whether to create two Contributor Insights rules that rank models by
            requests. **Not verified against a live endpoint** (see docs/runbook.md); CloudWatch charges
            for each rule and each matching line. Default: False.
        log_retention: How long log lines are kept. The stack then creates the log group
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
    contributor_insights: bool
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
                an endpoint that this app does not define, an unknown variant, an endpoint of another region.
        """
        thresholds = props.get("thresholds") or AlarmThresholds()
        actions = props.get("actions") or {}
        runbook_url = props.get("runbook_url") or RUNBOOK
        log_queries = props.get("log_queries", True)
        period = props.get("period") or Duration.minutes(1)
        minimum_requests = props.get("minimum_requests", 10)
        log_retention = props.get("log_retention")
        kind = describe(instance_type) if instance_type and known(instance_type) else None
        has_gpu = kind is not None and kind.gpus > 0
        if variant_name is not None and known(variant_name):
            endpoint.require_variant(variant_name)
        require(
            *thresholds.faults(instance_type, has_gpu=has_gpu),
            *_action_faults(actions, thresholds),
            outside("minimum_requests", minimum_requests, 1),
            _period_fault(period),
            _region_fault(endpoint, Stack.of(scope), thresholds),
            retention_fault(endpoint) if log_retention is not None else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        prefix = props.get("name_prefix") or endpoint.endpoint_name
        expressions = MetricExpressions(
            endpoint=endpoint,
            variant_name=variant_name or endpoint.variant_name,
            period=period,
            vcpus=kind.vcpus if kind else None,
            has_gpu=has_gpu,
            minimum_requests=minimum_requests,
        )
        self._alarms = AlarmFactory(
            scope=self,
            expressions=expressions,
            name_prefix=prefix,
            runbook_url=runbook_url,
            actions=actions,
        ).create(thresholds)
        self._log_group = f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name}"
        if log_queries:
            self._save_queries(prefix)
        if props.get("contributor_insights"):
            self._rank_models(prefix)
        self.log_group: aws_logs.ILogGroup | None = None
        if log_retention is not None:
            self.log_group = define_log_group(
                self,
                endpoint=endpoint,
                log_group_name=self._log_group,
                retention=log_retention,
                removal_policy=props.get("log_removal_policy", RemovalPolicy.DESTROY),
            )
        self.dashboard: aws_cloudwatch.Dashboard | None = None
        if props.get("dashboard", True):
            alarms = [alarm for severity in self._alarms.values() for alarm in severity]
            self.dashboard = aws_cloudwatch.Dashboard(
                self,
                "Dashboard",
                dashboard_name=prefix,
                widgets=[
                    heading_row(endpoint.endpoint_name, runbook_url),
                    *([alarm_row(alarms)] if alarms else []),
                    *graph_rows(expressions),
                    *(query_rows(LOG_QUERIES[:4], self._log_group) if log_queries else []),
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

    def _save_queries(self, prefix: str) -> None:
        for query in LOG_QUERIES:
            # Not by its class: to load that module of aws-cdk costs as much as all of these calls.
            CfnResource(
                self,
                "".join(part.capitalize() for part in query.name.split("-")) + "Query",
                type="AWS::Logs::QueryDefinition",
                properties={
                    "Name": f"{prefix}/{query.name}",
                    "LogGroupNames": [self._log_group],
                    "QueryString": query.text,
                },
            )

    def _rank_models(self, prefix: str) -> None:
        for name in CONTRIBUTOR_RULES:
            aws_cloudwatch.CfnInsightRule(
                self,
                "".join(part.capitalize() for part in name.split("-")),
                rule_name=f"{prefix}-{name}",
                rule_state="ENABLED",
                rule_body=rule_body(name, self._log_group),
            )


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

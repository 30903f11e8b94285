"""Dashboard, alarms and saved log queries of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack, aws_cloudwatch
from constructs import Construct

from mme.catalog.instances import instance_type as describe
from mme_cdk._internal.cdk_kinds import ALARM_ACTION
from mme_cdk._internal.endpoint_kind import ENDPOINT
from mme_cdk._internal.expectations import (
    DURATION,
    FLAG,
    TEXT,
    WHOLE,
    expect,
    expect_all,
    expect_each,
    kind_of,
    one_of,
    shown,
)
from mme_cdk._internal.log_days import LOG_DAYS
from mme_cdk._internal.validation import PropsError, known, outside, require, seconds
from mme_cdk.endpoint.endpoint_base import EndpointBase
from mme_cdk.endpoint.production_variant import INSTANCE_TYPE
from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.alarms import AlarmFactory
from mme_cdk.monitoring.contributor_rules import CONTRIBUTOR_RULES
from mme_cdk.monitoring.dashboard import (
    HEADER_HEIGHT,
    DashboardRows,
    EndpointGraphs,
    Graph,
    alarm_states,
    header,
    states_height,
)
from mme_cdk.monitoring.figures import Figures
from mme_cdk.monitoring.log_queries import LOG_QUERIES
from mme_cdk.monitoring.log_retention import LogRetention, retention_fault
from mme_cdk.monitoring.metrics import MonitoringMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_logs

_THRESHOLDS = kind_of(
    AlarmThresholds, noun="an AlarmThresholds", way_out="use AlarmThresholds(cpu_percent={...}), say"
)
_ACTIONS = kind_of(
    Mapping, noun="a mapping of severities to actions", way_out='use {"critical": [SnsAction(topic)]}, say'
)

RUNBOOK = "docs/runbook.md"
"""Where this project's own runbook lies in its repository."""


class EndpointMonitoring(Construct):
    """What on-call engineers need of an endpoint; `add_monitoring` of an endpoint makes it.

    CloudWatch has no metrics of single models. Saved Logs Insights queries over Triton's own log lines stand
    in: the busiest models, loads and unloads, load times, errors. Other containers log other lines.

    Attributes:
        dashboard: the dashboard; None where there is none.
        log_group: the endpoint's log group; None where SageMaker makes it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: EndpointBase,
        instance_type: str | None = None,
        variant_name: str | None = None,
        thresholds: AlarmThresholds | None = None,
        actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]] | None = None,
        runbook_url: str = RUNBOOK,
        name_prefix: str | None = None,
        dashboard: bool = True,
        log_queries: bool = True,
        period: Duration | None = None,
        minimum_requests: int = 10,
        contributor_insights: bool = False,
        log_retention: aws_logs.RetentionDays | None = None,
        log_removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        """Watch an endpoint.

        Args:
            scope: the parent.
            id: the construct's id.
            endpoint: defined here or imported.
            instance_type: of the variant, for what only it can tell: GPU figures, and the processors' load
                as a share. Default: unknown; `add_monitoring` of an endpoint knows it.
            variant_name: which variant. Default: the first.
            thresholds: from which figures on alarms go off, by severity. Default: `AlarmThresholds()`.
            actions: what alarms of a severity do, when they go off and when they are over. Default: nothing.
            runbook_url: the page that the alarms' descriptions link, with a section for each.
                Default: `docs/runbook.md`, this project's own; give the address where your team reads it.
            name_prefix: of the names of alarms, dashboard and queries. Default: the endpoint's name.
            dashboard: whether to make one. Default: True.
            log_queries: whether to save the queries, and to show some on the dashboard. Default: True.
            period: of the figures, whole minutes, at least one. Default: 1 minute.
            minimum_requests: in a period, below which no share of requests is an alarm, at least 1.
                Default: 10.
            contributor_insights: whether to make two Contributor Insights rules that rank models by calls.
                **Not verified against a live endpoint** (see `ContributorRule`), and CloudWatch charges for
                each rule and each line that matches: the saved queries show the same. Default: False.
            log_retention: how long a line of the endpoint's log is kept. The stack then makes the log group
                `/aws/sagemaker/Endpoints/NAME`, **which collides with one that SageMaker has made**: the
                deployment fails where the group exists. See `LogRetention` for the ways out. Default: the
                group is SageMaker's own, and its lines never expire.
            log_removal_policy: what becomes of that group when it leaves the stack. One that stays behind
                collides with the next deployment of the same endpoint. Default: it is deleted.

        Raises:
            PropsError: values of the wrong kind, a threshold outside its bounds, a severity named twice,
                actions for a severity that no alarm has, thresholds for GPU figures of an instance type
                without GPU, retention for the log of an endpoint that this app does not define, a variant
                that the endpoint has not, alarms on an endpoint of another region.
        """
        require(
            expect("endpoint", endpoint, ENDPOINT),
            expect("instance_type", instance_type, INSTANCE_TYPE, optional=True),
            *expect_all(TEXT, optional=True, variant_name=variant_name, name_prefix=name_prefix),
            expect("runbook_url", runbook_url, TEXT),
            expect("thresholds", thresholds, _THRESHOLDS, optional=True),
            *(thresholds.kind_faults() if isinstance(thresholds, AlarmThresholds) else ()),
            *_action_kind_faults(actions),
            *expect_all(
                FLAG, dashboard=dashboard, log_queries=log_queries, contributor_insights=contributor_insights
            ),
            expect("period", period, DURATION, optional=True),
            expect("minimum_requests", minimum_requests, WHOLE),
            expect("log_retention", log_retention, LOG_DAYS, optional=True),
            expect("log_removal_policy", log_removal_policy, one_of(RemovalPolicy)),
            at=(scope, id),
        )
        thresholds = thresholds or AlarmThresholds()
        length = 60 if (given := seconds(period)) is None else given
        kind = describe(instance_type) if instance_type and known(instance_type) else None
        has_gpu = kind.gpus > 0 if kind else False
        if variant_name is not None and known(variant_name):
            endpoint.require_variant(variant_name)
        metrics = MonitoringMetrics(
            endpoint,
            stack=Stack.of(scope),
            variant_name=variant_name or endpoint.variant_name,
            seconds=length,
        )
        require(
            *thresholds.faults(),
            *thresholds.gpu_faults(instance_type, has_gpu=has_gpu),
            *_action_faults(actions or {}, thresholds),
            outside("minimum_requests", minimum_requests, 1),
            _period_fault(length),
            _region_fault(metrics, thresholds),
            retention_fault(endpoint) if log_retention is not None else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        prefix = name_prefix or endpoint.endpoint_name
        figures = Figures(vcpus=kind.vcpus if kind else None, minimum_requests=minimum_requests)
        factory = AlarmFactory(
            self,
            figures=figures,
            metrics=metrics,
            endpoint_name=endpoint.endpoint_name,
            name_prefix=prefix,
            runbook_url=runbook_url,
            actions=actions or {},
        )
        self._alarms = factory.alarms(thresholds, has_gpu=has_gpu, cpu_known=kind is not None)
        self._log_group = f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name}"
        if log_queries:
            self._save_queries(prefix)
        if contributor_insights:
            self._rank_models(prefix)
        self.log_group: aws_logs.ILogGroup | None = None
        if log_retention is not None:
            self.log_group = LogRetention(
                self,
                "Log",
                endpoint=endpoint,
                log_group_name=self._log_group,
                retention=log_retention,
                removal_policy=log_removal_policy,
            ).log_group
        self.dashboard: aws_cloudwatch.Dashboard | None = None
        if dashboard:
            graphs = EndpointGraphs(figures, cpu_known=kind is not None, has_gpu=has_gpu)
            self.dashboard = self._dashboard(
                prefix, endpoint.endpoint_name, runbook_url, graphs.rows(), metrics, log_queries=log_queries
            )

    @property
    def alarms(self) -> Mapping[str, Sequence[aws_cloudwatch.IAlarm]]:
        """Every alarm, by severity in lower case: references; what alarms do is given by `actions`."""
        return {severity: self.alarms_of(severity) for severity in self._alarms}

    def alarms_of(self, severity: str) -> tuple[aws_cloudwatch.IAlarm, ...]:
        """The alarms of a severity, to roll deployments back or for a composite alarm.

        Args:
            severity: as in the thresholds, in any case of letters.

        Raises:
            PropsError: no alarm has that severity.
        """
        found = self._alarms.get(severity.lower())
        if not found:
            have = ", ".join(self._alarms) or "none"
            raise PropsError([f"no alarm has severity {severity}: there are {have}"], path=self.node.path)
        return tuple(alarm.reference for alarm in found)

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
        for rule in CONTRIBUTOR_RULES:
            aws_cloudwatch.CfnInsightRule(
                self,
                "".join(part.capitalize() for part in rule.name.split("-")),
                rule_name=f"{prefix}-{rule.name}",
                rule_state="ENABLED",
                rule_body=rule.body(self._log_group),
            )

    def _dashboard(
        self,
        name: str,
        endpoint_name: str,
        runbook_url: str,
        graphs: list[list[Graph]],
        metrics: MonitoringMetrics,
        *,
        log_queries: bool,
    ) -> aws_cloudwatch.Dashboard:
        alarms = [alarm.resource for severity in self._alarms.values() for alarm in severity]
        rows = DashboardRows(
            graphs=graphs,
            tables=[LOG_QUERIES[:2], LOG_QUERIES[2:4]] if log_queries else [],
            metrics=metrics,
            log_group=self._log_group,
            top=HEADER_HEIGHT + states_height(len(alarms)),
        )
        states = [[alarm_states(alarms)]] if alarms else []
        return aws_cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            widgets=[[header(endpoint_name, runbook_url)], *states, [rows]],
        )


def _action_kind_faults(actions: object) -> list[str | None]:
    if actions is None or not isinstance(actions, Mapping):
        return [expect("actions", actions, _ACTIONS, optional=True)]
    return [
        fault
        for severity, found in actions.items()
        for fault in (
            expect("a severity in actions", severity, TEXT),
            *expect_each(f"actions[{shown(severity)}]", found, ALARM_ACTION),
        )
    ]


def _action_faults(
    actions: Mapping[str, Sequence[aws_cloudwatch.IAlarmAction]], thresholds: AlarmThresholds
) -> list[str]:
    severities = thresholds.severities()
    return [
        f"actions name severity {severity}, which no alarm has: use one of {', '.join(severities) or 'none'}"
        for severity in actions
        if severity.lower() not in severities
    ]


def _region_fault(metrics: MonitoringMetrics, thresholds: AlarmThresholds) -> str | None:
    region = metrics.place.get("region")
    if region is None or not thresholds.severities():
        return None
    return (
        f"the endpoint is in region {region} and this stack in another; an alarm sees its own region's "
        "metrics only: monitor the endpoint in a stack of its region"
    )


def _period_fault(length: float) -> str | None:
    if not known(length) or (length >= 60 and length % 60 == 0):
        return None
    return f"period is {length:g} s; it must be one or more whole minutes, as the metrics come"

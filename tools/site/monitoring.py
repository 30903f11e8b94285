"""Page of the reference for the metrics of an endpoint and the alarms on them."""

from __future__ import annotations

import inspect
import re

from mme.catalog.metrics import INSTANCE_NAMESPACE, INVOCATION_NAMESPACE, endpoint_metrics
from mme_cdk.endpoint.endpoint_metrics import EndpointMetrics
from mme_cdk.monitoring.alarm_thresholds import ALARM_RULES
from tools.markdown import cell, table

_WORD = re.compile(r"4XX|5XX|CPU|GPU|[A-Z][a-z]+")


def metrics_page() -> str:
    """Return the page."""
    parts = [
        "# Metrics and alarms",
        "Dimensions are `EndpointName` and `VariantName`, the period is one minute. CloudWatch has no "
        "metrics of single models. Every endpoint has the methods, such as "
        "[MultiModelEndpoint](mme_cdk/MultiModelEndpoint.md).",
    ]
    for namespace in (INVOCATION_NAMESPACE, INSTANCE_NAMESPACE):
        rows = [
            [f"`{metric.name}`", f"`{_method(metric.name)}`", _meaning(metric.name)]
            for metric in endpoint_metrics().values()
            if metric.namespace == namespace
        ]
        parts += [
            f"## Metrics in `{namespace}`",
            table(["metric", "method", "meaning, unit and default statistic"], rows),
        ]
    alarms = []
    for prop, rule in ALARM_RULES.items():
        conditions = [f"{severity}: {rule.condition(least, 1)}" for severity, least in rule.defaults.items()]
        link = f"[{rule.title.replace('-', ' ')}](../runbook.md#{rule.title})"
        alarms.append([link, cell("; ".join(conditions)), f"`{prop}`"])
    parts += [
        "## Alarms",
        "`add_monitoring` adds them, by severity. The link leads to what to do. The last column names "
        "the field of [AlarmThresholds](mme_cdk/AlarmThresholds.md) that changes the thresholds.",
        table(["alarm", "default conditions", "thresholds"], alarms),
    ]
    return "\n\n".join(parts) + "\n"


def _method(metric: str) -> str:
    return "metric_" + "_".join(_WORD.findall(metric)).lower()


def _meaning(metric: str) -> str:
    """Return the first paragraph of the method's docstring."""
    text = inspect.cleandoc(getattr(EndpointMetrics, _method(metric)).__doc__ or "").partition("\n\n")[0]
    return cell(text)

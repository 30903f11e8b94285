"""Monitoring of multi-model endpoints: dashboard, alarms, a per-model view from the log."""

from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.alarm_topic import AlarmTopic
from mme_cdk.monitoring.endpoint_monitoring import RUNBOOK, EndpointMonitoring

__all__ = ["RUNBOOK", "AlarmThresholds", "AlarmTopic", "EndpointMonitoring"]

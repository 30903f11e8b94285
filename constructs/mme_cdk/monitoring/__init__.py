"""Monitoring of multi-model endpoints: alarms, dashboard, log queries of single models."""

from mme_cdk.monitoring.alarm_thresholds import AlarmThresholds
from mme_cdk.monitoring.alarm_topic import AlarmTopic
from mme_cdk.monitoring.endpoint_monitoring import RUNBOOK, EndpointMonitoring, MonitoringProps

__all__ = ["RUNBOOK", "AlarmThresholds", "AlarmTopic", "EndpointMonitoring", "MonitoringProps"]

"""The part of CloudWatch Logs Insights' language that dashboards of multi-model endpoints use."""

"""CloudWatch with percentiles, metric math and alarm evaluation, as our alarms and metrics need."""

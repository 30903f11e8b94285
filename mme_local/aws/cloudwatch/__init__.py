"""CloudWatch with right statistics: percentiles, metric math, alarms that are evaluated."""

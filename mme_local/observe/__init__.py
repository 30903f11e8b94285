"""Observe a running local endpoint: metrics and logs into embedded CloudWatch, and the status page."""

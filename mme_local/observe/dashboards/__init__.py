"""Dashboards deployed to embedded CloudWatch, drawn for a browser."""

"""Scaling of a variant's instance count."""

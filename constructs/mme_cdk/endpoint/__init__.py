"""Endpoints, their configs and variants, and what every endpoint offers: grants, metrics, events."""

"""Deployment strategies: how an endpoint moves to a new config."""

"""Serving containers: the protocol, the contract client, and one folder per kind."""

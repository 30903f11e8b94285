"""Requests: a trace of them in files, or a mix by rate and popularity."""

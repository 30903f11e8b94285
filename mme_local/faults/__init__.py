"""Faults on demand: what goes wrong on AWS, made to happen here, for tests of what callers do then."""

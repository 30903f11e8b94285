"""Faults on demand: failures of AWS, reproduced here so that tests can check how callers handle them."""

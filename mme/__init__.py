"""Operator's toolkit for Amazon SageMaker multi-model endpoints."""

"""Operator's toolkit and local runtime for Amazon SageMaker multi-model endpoints."""

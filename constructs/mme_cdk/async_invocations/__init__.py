"""Asynchronous requests for multi-model endpoints, which SageMaker has for other endpoints only."""

from mme_cdk.async_invocations.construct import AsyncInvocations
from mme_cdk.async_invocations.exchange_bucket import ExchangeBucket
from mme_cdk.async_invocations.prefixes import ExchangePrefixes

__all__ = ["AsyncInvocations", "ExchangeBucket", "ExchangePrefixes"]

"""Asynchronous inference for multi-model endpoints: a queue and its consumer."""

from mme_cdk.async_invocations.async_invocations import AsyncInvocations
from mme_cdk.async_invocations.exchange_bucket import ExchangeBucket
from mme_cdk.async_invocations.prefixes import ExchangePrefixes

__all__ = ["AsyncInvocations", "ExchangeBucket", "ExchangePrefixes"]

"""The boto3 client that calls endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mme.catalog.limits import CLIENT_READ_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_CONNECT_TIMEOUT_SECONDS: Final = 10
_CONNECTIONS: Final = 50


def runtime_client(
    session: Any = None, *, connections: int = _CONNECTIONS, **arguments: Any
) -> SageMakerRuntimeClient:
    """Return a `sagemaker-runtime` client with the timeouts that a multi-model endpoint needs.

    Args:
        session: A boto3 session. Default: boto3's own.
        connections: Size of the connection pool: the largest number of concurrent calls.
        arguments: For boto3: `region_name`, `endpoint_url`.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        read_timeout=CLIENT_READ_TIMEOUT_SECONDS,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        max_pool_connections=connections,
        # NAT gateways and load balancers drop idle connections silently.
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    client: SageMakerRuntimeClient = (session or boto3).client(
        "sagemaker-runtime", config=config, **arguments
    )
    return client

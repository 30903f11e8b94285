"""The boto3 client behind the calls."""

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
    """A `sagemaker-runtime` client with the timeouts that a multi-model endpoint wants.

    Args:
        session: a boto3 session; the default one otherwise.
        connections: how many it keeps open: as many calls as may be under way at once.
        arguments: for boto3: `region_name`, `endpoint_url`.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        read_timeout=CLIENT_READ_TIMEOUT_SECONDS,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        max_pool_connections=connections,
        # Idle connections through a NAT gateway or a load balancer are dropped without a word otherwise.
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    made: SageMakerRuntimeClient = (session or boto3).client("sagemaker-runtime", config=config, **arguments)
    return made

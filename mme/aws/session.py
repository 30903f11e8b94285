"""boto3 clients for a deployment, as the settings say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mme.aws.settings import Settings

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

# The embedded AWS believes any credentials; boto3 signs with none without complaint only if it has some.
_DUMMY_KEY = "local"


def open_session(settings: Settings) -> boto3.Session:
    """A boto3 session.

    For the local environment without credentials of any kind, dummy ones are used: looking for real ones
    could take seconds and would find none that matter.
    """
    import boto3

    own = settings.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    if settings.is_local and not own:
        return boto3.Session(
            aws_access_key_id=_DUMMY_KEY,
            aws_secret_access_key=_DUMMY_KEY,
            region_name=settings.aws_region,
        )
    return boto3.Session(profile_name=settings.profile, region_name=settings.aws_region)


def s3_client(session: boto3.Session, settings: Settings) -> S3Client:
    """An S3 client. At a URL of one's own the bucket goes into the path: `bucket.localhost` is no address."""
    from botocore.config import Config

    host = urlsplit(settings.aws_url or "").hostname
    addressing: dict[str, Any] = {"s3": {"addressing_style": "path"}} if host else {}
    config = Config(
        max_pool_connections=32, retries={"mode": "standard", "total_max_attempts": 5}, **addressing
    )
    return session.client("s3", endpoint_url=settings.aws_url, config=config)


def cloudformation_client(session: boto3.Session, settings: Settings) -> CloudFormationClient:
    """A CloudFormation client that gives up soon where nothing answers."""
    from botocore.config import Config

    config = Config(connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    return session.client("cloudformation", endpoint_url=settings.aws_url, config=config)

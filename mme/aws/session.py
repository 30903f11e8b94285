"""boto3 sessions: the credentials of the settings, or of an assumed role."""

from __future__ import annotations

import getpass
import os
import re
from typing import TYPE_CHECKING

from mme.aws.settings import Settings
from mme.errors import MmeError

if TYPE_CHECKING:
    import boto3

# The embedded AWS accepts any credentials, but boto3 needs some to sign requests.
_DUMMY_KEY = "local"


def open_session(settings: Settings) -> boto3.Session:
    """Return a boto3 session.

    The local environment uses dummy credentials if there are none: looking for real ones may take seconds.
    """
    import boto3

    configured = settings.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    if settings.is_local and not configured:
        return boto3.Session(
            aws_access_key_id=_DUMMY_KEY,
            aws_secret_access_key=_DUMMY_KEY,
            region_name=settings.aws_region,
        )
    return boto3.Session(profile_name=settings.profile, region_name=settings.aws_region)


def assume_role(session: boto3.Session, settings: Settings, role_arn: str) -> boto3.Session:
    """Return a session with a role's credentials, valid for an hour (the default of STS's AssumeRole).

    Args:
        session: Credentials that may assume the role.
        settings: The AWS endpoint URL and region.
        role_arn: Such as `arn:aws:iam::123456789012:role/publisher`.

    Raises:
        MmeError: `role_arn` is not a role's ARN, or the role can't be assumed.
    """
    import boto3
    from botocore.exceptions import ClientError

    if not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/.+", role_arn):
        raise MmeError(
            f"{role_arn!r} is not the ARN of a role", hint="such as arn:aws:iam::123456789012:role/publisher"
        )
    sts = session.client("sts", endpoint_url=settings.aws_url, region_name=settings.aws_region)
    try:
        user = re.sub(r"[^\w+=,.@-]", "-", getpass.getuser())
    except (KeyError, OSError):
        user = "unknown"
    try:
        assumed = sts.assume_role(RoleArn=role_arn, RoleSessionName=f"mme-{user}"[:64])["Credentials"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"):
            raise MmeError(
                f"the role {role_arn} can't be assumed with these credentials",
                hint="its trust policy must name you, and you need sts:AssumeRole on it",
            ) from error
        raise
    return boto3.Session(
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        region_name=session.region_name,
    )

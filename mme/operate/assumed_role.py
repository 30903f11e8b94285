"""Acting in another account, by a role of it."""

from __future__ import annotations

import getpass
import re
from typing import TYPE_CHECKING

from mme.aws.settings import Settings
from mme.errors import MmeError

if TYPE_CHECKING:
    import boto3


def assume_role(session: boto3.Session, settings: Settings, role_arn: str) -> boto3.Session:
    """A session with a role's credentials, good for an hour (STS's default for AssumeRole).

    Args:
        session: whose credentials may take the role on.
        settings: say where AWS is, and the region.
        role_arn: `arn:aws:iam::ACCOUNT:role/NAME`.

    Raises:
        MmeError: it is no role's ARN, or may not be taken on.
    """
    import boto3
    from botocore.exceptions import ClientError

    if not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/.+", role_arn):
        raise MmeError(
            f"{role_arn!r} is no role's ARN", hint="such as arn:aws:iam::123456789012:role/publisher"
        )
    sts = session.client("sts", endpoint_url=settings.aws_url, region_name=settings.aws_region)
    try:
        user = re.sub(r"[^\w+=,.@-]", "-", getpass.getuser())
    except (KeyError, OSError):
        user = "unknown"
    try:
        taken = sts.assume_role(RoleArn=role_arn, RoleSessionName=f"mme-{user}"[:64])["Credentials"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"):
            raise MmeError(
                f"the role {role_arn} may not be taken on with these credentials",
                hint="its trust policy must name you, and you need sts:AssumeRole on it",
            ) from error
        raise
    return boto3.Session(
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        region_name=session.region_name,
    )

"""Find the user or role session of embedded IAM that owns an access key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.role_rights import default_version, own_policies, parsed

_PARTITION = "aws"


Documents = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of an access key.

    Attributes:
        arn: Of the user, or of the assumed role's session.
        secret: The secret access key.
        session_token: Of temporary credentials; empty for a user's key.
        documents: Every identity-based policy, inline, attached and of groups.
        limits: A permissions boundary and a session policy, each of which must allow too.
        context: Condition keys of the identity.
        active: Whether the key is active.
        expires: End of a session, in seconds since the epoch; None for a user's key.
    """

    arn: str
    secret: str
    session_token: str
    documents: Documents
    limits: tuple[Documents, ...]
    context: Mapping[str, str]
    active: bool = True
    expires: float | None = None


def find_identity(access_key: str, *, account: str = DEFAULT_ACCOUNT) -> Identity | None:
    """Return the owner of an access key; None if embedded IAM does not know it.

    Args:
        access_key: The key's id.
        account: Twelve digits.
    """
    return _user(access_key, account) or _role_session(access_key, account)


def _user(access_key: str, account: str) -> Identity | None:
    from moto.iam.models import iam_backends

    backend = iam_backends[account][_PARTITION]
    for user in list(backend.users.values()):
        for key in user.access_keys:
            if key.access_key_id != access_key:
                continue
            groups = backend.get_groups_for_user(user.name)
            tags = backend.tagger.get_tag_dict_for_resource(user.arn)
            return Identity(
                arn=user.arn,
                secret=key.secret_access_key,
                session_token="",
                documents=tuple(document for holder in (user, *groups) for document in own_policies(holder)),
                limits=(),
                context={"aws:username": user.name, **_context("User", user.arn, account, tags)},
                active=key.status == "Active",
            )
    return None


def _role_session(access_key: str, account: str) -> Identity | None:
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    backend = iam_backends[account][_PARTITION]
    for session in list(sts_backends[account][_PARTITION].assumed_roles):
        if session.access_key_id != access_key:
            continue
        role = next((role for role in backend.roles.values() if role.arn == session.role_arn), None)
        limits: list[Documents] = []
        if session.policy:
            limits.append((parsed(session.policy),))
        if role is not None and role.permissions_boundary_arn:
            boundary = backend.managed_policies.get(role.permissions_boundary_arn)
            limits.append((default_version(boundary),) if boundary else ())
        return Identity(
            arn=session.arn,
            secret=session.secret_access_key,
            session_token=session.session_token,
            documents=tuple(own_policies(role)) if role else (),
            limits=tuple(limits),
            context=_context("AssumedRole", session.role_arn, account, _tags(role)),
            expires=session.expiration.replace(tzinfo=UTC).timestamp(),
        )
    return None


def _context(kind: str, arn: str, account: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {
        "aws:PrincipalArn": arn,
        "aws:PrincipalType": kind,
        "aws:PrincipalAccount": account,
        **{f"aws:PrincipalTag/{name}": value for name, value in tags.items()},
    }


def _tags(role: Any) -> dict[str, str]:
    """Return a role's tags, which moto stores by name."""
    tags: Any = getattr(role, "tags", None) or {}
    listed = tags.values() if isinstance(tags, Mapping) else tags
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}

"""Users and roles of the embedded IAM, by the key that a request is signed with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import unquote

from mme_local.aws.account import DEFAULT_ACCOUNT

_PARTITION = "aws"


Documents = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose key it is.

    Attributes:
        arn: of the user, or of the assumed role's session.
        secret: the secret access key.
        session_token: of temporary credentials; empty for a user's own key.
        documents: every identity-based policy, inline and attached, groups' included.
        limits: a permissions boundary and a session policy, each of which must allow too.
        context: condition keys that come with the identity.
        active: whether the key may be used; a user's can be set to Inactive.
        expires: when a session ends, in seconds since the epoch; None for a user's own key.
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
    """The identity in embedded IAM with this key; None where there is none."""
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
                documents=tuple(document for holder in (user, *groups) for document in _own(holder)),
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
            limits.append((_document(session.policy),))
        if role is not None and role.permissions_boundary_arn:
            boundary = backend.managed_policies.get(role.permissions_boundary_arn)
            limits.append((_document(_text_of(boundary)),) if boundary else ())
        return Identity(
            arn=session.arn,
            secret=session.secret_access_key,
            session_token=session.session_token,
            documents=tuple(_own(role)) if role else (),
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


def _own(holder: Any) -> Iterator[Mapping[str, Any]]:
    """The policies of a user, group or role itself."""
    for text in dict(holder.policies).values():
        yield _document(text)
    for policy in dict(holder.managed_policies).values():
        yield _document(_text_of(policy))


def _text_of(policy: Any) -> Any:
    """The document of a managed policy's default version."""
    return next(version.document for version in policy.versions if version.is_default)


def _document(text: Any) -> Mapping[str, Any]:
    if isinstance(text, Mapping):
        return text
    content: Any = json.loads(text if str(text).lstrip().startswith("{") else unquote(str(text)))
    return content if isinstance(content, Mapping) else {}


def _tags(role: Any) -> dict[str, str]:
    """moto keeps a role's tags by name, each as it was given."""
    tags: Any = getattr(role, "tags", None) or {}
    given = tags.values() if isinstance(tags, Mapping) else tags
    return {str(tag["Key"]): str(tag["Value"]) for tag in given}

"""The rights of a deployed role in embedded IAM, as S3 and KMS evaluate them when SageMaker reads a model."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from mme.aws.iam_policy import Decision, evaluate
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.objects import find_record

log = logging.getLogger(__name__)

Document = Mapping[str, Any]

_PARTITION: Final = "aws"
_EVERYONE: Final = "*"
# SageMaker's requests on AWS are encrypted, so a policy that requires TLS lets them pass.
_CONTEXT: Final = {"aws:SecureTransport": "true"}


def own_policies(holder: Any) -> Iterator[Document]:
    """Yield the inline and attached policies of moto's user, group or role."""
    for text in dict(holder.policies).values():
        yield parsed(text)
    for policy in dict(holder.managed_policies).values():
        yield default_version(policy)


def default_version(policy: Any) -> Document:
    """Return the document of a managed policy's default version."""
    return parsed(next(version.document for version in policy.versions if version.is_default))


def parsed(text: Any) -> Document:
    """Return a policy document; empty if it is none."""
    if isinstance(text, Mapping):
        return text
    content: Any = json.loads(text if str(text).lstrip().startswith("{") else unquote(str(text)))
    return content if isinstance(content, Mapping) else {}


def may_read_object(role_arn: str, bucket: str, key: str) -> bool:
    """Return whether a role may read an object and decrypt it with the key that encrypted it.

    A role that embedded IAM does not have is not checked: it is the operator's.

    Args:
        role_arn: Role of the containers; may be empty.
        bucket: The bucket.
        key: The object's key.

    Raises:
        ObjectMissing: No such bucket or object.
    """
    from moto.iam.models import iam_backends

    record = find_record(bucket, key, DEFAULT_ACCOUNT)
    backend = iam_backends[DEFAULT_ACCOUNT][_PARTITION]
    role = next((role for role in list(backend.roles.values()) if role.arn == role_arn), None)
    if role is None:
        return True
    own = list(own_policies(role))
    boundary = backend.managed_policies.get(role.permissions_boundary_arn or "")
    limits = [[default_version(boundary)]] if boundary else []
    needed = [("s3:GetObject", f"arn:{_PARTITION}:s3:::{bucket}/{key}", _of_bucket(bucket, role_arn))]
    encrypted_by = str(record.kms_key_id or "")
    if encrypted_by.startswith("arn:"):  # else a key of S3's own, which needs no right
        needed.append(("kms:Decrypt", encrypted_by, []))
    for action, resource, resource_policy in needed:
        for documents in ([*own, *resource_policy], *limits):
            decision = evaluate(documents, action, resource, _CONTEXT)
            if decision is not Decision.ALLOWED:
                log.warning("%s may not %s on %s: %s", role_arn, action, resource, decision)
                return False
    return True


def _of_bucket(bucket: str, role_arn: str) -> list[Document]:
    """Return the statements of the bucket's policy about a role, as a policy of the role.

    A statement about the whole account denies, but allows only what the role's own policies allow, too.
    """
    from moto.s3.models import s3_backends

    policy = s3_backends[DEFAULT_ACCOUNT]["aws"].get_bucket(bucket).policy
    found = json.loads(policy).get("Statement", []) if policy else []
    about: list[dict[str, Any]] = []
    for statement in [found] if isinstance(found, Mapping) else found:
        named = _principals(statement.get("Principal"))
        whole_account = {DEFAULT_ACCOUNT, f"arn:{_PARTITION}:iam::{DEFAULT_ACCOUNT}:root"}
        if named & {_EVERYONE, role_arn} or (statement.get("Effect") == "Deny" and named & whole_account):
            about.append({name: element for name, element in statement.items() if name != "Principal"})
    return [{"Statement": about}]


def _principals(principal: Any) -> set[str]:
    values = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return {str(value) for value in (values if isinstance(values, list) else [values])}

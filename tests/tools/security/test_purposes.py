"""Each permission has a purpose; a permission without one is an error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mme.errors import MmeError
from tools.security.policies import Permission
from tools.security.purposes import PURPOSES, why

READ = Permission(
    holder="EndpointRole",
    kind="AWS::IAM::Role",
    effect="Allow",
    principal="",
    action="s3:GetObject",
    resources=("<ModelBucket>/models/*",),
    conditions=(),
)


def test_a_known_permission_has_a_purpose() -> None:
    assert "models are loaded when they are first invoked" in why(READ)


@pytest.mark.parametrize(
    "permission",
    [
        replace(READ, action="s3:DeleteObject"),
        replace(READ, holder="OtherRole"),
        replace(READ, holder="Role", action="iam:PassRole"),
    ],
)
def test_an_unexplained_permission_is_named(permission: Permission) -> None:
    with pytest.raises(MmeError, match=rf"{permission.holder} may {permission.action}") as error:
        why(permission)
    assert "tools/security/purposes.toml" in str(error.value.hint)


def test_the_resource_distinguishes_two_purposes_of_an_action() -> None:
    models = replace(READ, holder="tenantaPublisher", resources=("<Models>/models/tenant-a/*",))
    state = replace(models, resources=("<Models>/.mme/models/@aliases/tenant-a/*",))
    assert "downloads models" in why(models)
    assert "aliases" in why(state)


def test_the_principal_distinguishes_two_purposes_of_an_action() -> None:
    refused = replace(READ, holder="AlarmsPolicy", action="sns:Publish", principal="*")
    allowed = replace(refused, principal="cloudwatch.amazonaws.com")
    assert "TLS" in why(refused)
    assert "notify the subscribers" in why(allowed)
    with pytest.raises(MmeError):
        why(replace(refused, principal="events.amazonaws.com"))


def test_no_purpose_is_empty() -> None:
    assert all(len(purpose.why) > 20 for purpose in PURPOSES)

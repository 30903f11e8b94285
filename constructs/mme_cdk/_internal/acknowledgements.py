"""Acknowledged findings of cdk-nag, cfn-lint and checkov, with a reason, at the construct that causes them.

cdk-nag 3 acknowledges a finding by its exact id, which contains the resource as in the template. CDK resolves
references to other stacks only during synthesis, so ids with references are computed then, before the checks
run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Acknowledgment, CfnResource, Stack, Validations, aws_iam
from constructs import IConstruct, IValidation

from mme_cdk._internal.validation import known

# Packs that contain the rules of AWS Config under the same names.
CONFIG_PACKS = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a rule of AwsSolutions on a construct and everything below it.

    Args:
        scope: The construct.
        rule: Without the pack's name, such as `S1`.
        reason: Why the finding is acceptable.
    """
    _validations_of(scope).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))


def acknowledge_config_rule(scope: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a rule of AWS Config in the packs that contain it: HIPAA, NIST 800-53 R5 and PCI DSS.

    Args:
        scope: The construct; everything below it is included.
        rule: Without the pack's name, such as `S3BucketReplicationEnabled`.
        reason: Why the finding is acceptable.
    """
    _validations_of(scope).acknowledge(
        *(Acknowledgment(id=f"{pack}-{rule}", reason=reason) for pack in CONFIG_PACKS)
    )


def acknowledge_lint(scope: IConstruct, check: str, reason: str) -> None:
    """Acknowledge a check of cfn-lint in the metadata of a resource.

    Args:
        scope: The construct, or its resource.
        check: Such as `W3005`.
        reason: Why the finding is acceptable.
    """
    resource = _resource(scope)
    before = resource.get_metadata("cfn-lint") or {"config": {"ignore_checks": []}, "reasons": {}}
    metadata = {
        "config": {"ignore_checks": [*before["config"]["ignore_checks"], check]},
        "reasons": {**before["reasons"], check: reason},
    }
    resource.add_metadata("cfn-lint", metadata)


def acknowledge_checkov(scope: IConstruct, check: str, reason: str) -> None:
    """Acknowledge a check of checkov in the metadata of a resource.

    Args:
        scope: The construct, or its resource.
        check: Such as `CKV_AWS_18`.
        reason: Why the finding is acceptable.
    """
    resource = _resource(scope)
    before = resource.get_metadata("checkov") or {"skip": []}
    resource.add_metadata("checkov", {"skip": [*before["skip"], {"id": check, "comment": reason}]})


def _resource(scope: IConstruct) -> CfnResource:
    return cast(CfnResource, scope if CfnResource.is_cfn_resource(scope) else scope.node.default_child)


def acknowledge_wildcards(
    scope: IConstruct, reason: str, *, resources: Iterable[str] = (), actions: Iterable[str] = ()
) -> None:
    """Acknowledge IAM5 for these resources and actions on a construct and every policy below it.

    Args:
        scope: The role or policy that gets the statement.
        reason: Why the statement can't be narrower.
        resources: The statement's resource ARNs; those without `*` are ignored. Default: none.
        actions: Actions with `*`. Default: none.
    """
    findings = [f"Action::{action}" for action in actions if "*" in action]
    late = []
    for resource in resources:
        if not known(resource):
            late.append(resource)
        elif "*" in resource:
            findings.append(f"Resource::{resource}")
    _acknowledge_findings(scope, findings, reason)
    if late:
        _late_of(scope).add(late, reason)


def acknowledge_grant(
    grantee: aws_iam.IGrantable, reason: str, *resources: str, actions: Iterable[str] = ()
) -> None:
    """Acknowledge the wildcards of a grant on the grantee, if it is a construct with a policy here.

    Args:
        grantee: Who received the grant.
        reason: Why the wildcards are acceptable.
        resources: The granted ARNs with wildcards.
        actions: The granted actions with wildcards. Default: none.
    """
    principal = construct_of(grantee.grant_principal)
    if principal is not None:
        acknowledge_wildcards(principal, reason, resources=resources, actions=actions)


def construct_of(principal: aws_iam.IPrincipal) -> IConstruct | None:
    """Return a role, user or group as a construct; None for principals that are only names."""
    # Construct.is_construct fails for these in jsii.
    return cast(IConstruct, principal) if hasattr(principal, "node") else None


def acknowledge_volume_key(scope: IConstruct) -> None:
    """Acknowledge in every pack that an endpoint config of types with NVMe storage has no key."""
    rule = "SageMakerEndpointConfigurationKMSKeyConfigured"
    reason = "the instances have local NVMe storage, which is encrypted by their hardware and takes no key"
    acknowledge_config_rule(scope, rule, reason)
    _validations_of(scope).acknowledge(Acknowledgment(id=f"NIST.800.53.R4-{rule}", reason=reason))


@jsii.implements(IValidation)
class _LateAcknowledgement:
    """Adds acknowledgements at synth, when references are resolved."""

    def __init__(self, scope: IConstruct) -> None:
        self._stack = Stack.of(scope)
        self._validations = _validations_of(scope)
        self._reasons: dict[str, str] = {}

    def add(self, resources: Iterable[str], reason: str) -> None:
        self._reasons |= dict.fromkeys(resources, reason)

    def validate(self) -> list[str]:
        resolved = self._stack.resolve(list(self._reasons))
        self._validations.acknowledge(
            *(
                _wildcard(f"Resource::{flat}", reason)
                for flat, reason in zip(map(flat, resolved), self._reasons.values(), strict=True)
                if "*" in flat
            )
        )
        return []


# Cached per construct, because each costs several calls to CDK.
_validations: WeakKeyDictionary[IConstruct, Validations] = WeakKeyDictionary()
_late: WeakKeyDictionary[IConstruct, _LateAcknowledgement] = WeakKeyDictionary()


def _validations_of(scope: IConstruct) -> Validations:
    found = _validations.get(scope)
    if found is None:
        found = _validations[scope] = Validations.of(scope)
    return found


def _late_of(scope: IConstruct) -> _LateAcknowledgement:
    found = _late.get(scope)
    if found is None:
        found = _late[scope] = _LateAcknowledgement(scope)
        scope.node.add_validation(found)
    return found


def _acknowledge_findings(scope: IConstruct, findings: list[str], reason: str) -> None:
    if findings:
        _validations_of(scope).acknowledge(*(_wildcard(finding, reason) for finding in findings))


def _wildcard(finding: str, reason: str) -> Acknowledgment:
    return Acknowledgment(id=f"AwsSolutions-IAM5[{finding}]", reason=reason)


def flat(node: Any) -> str:
    """Return a resolved value as in cdk-nag's finding ids: references in angle brackets.

    Args:
        node: A string, or an intrinsic function of CloudFormation.
    """
    if isinstance(node, str):
        return node.replace("${", "<").replace("}", ">")
    match node:
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(flat(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{flat(resource)}.{flat(attribute)}>"
        case {"Fn::ImportValue": inner} | {"Fn::Sub": inner}:
            return flat(inner)
        case {"Ref": name}:
            return f"<{flat(name)}>"
        case _:
            # Like cdk-nag's JSON.stringify.
            return json.dumps(node, separators=(",", ":"), ensure_ascii=False)

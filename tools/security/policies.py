"""Permissions in templates: trust and rights of roles, and policies of resources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Template = Mapping[str, Any]

# The property with each type's resource policy, and what `*` means in it.
_RESOURCE_POLICIES: Final[Mapping[str, tuple[str, str | None]]] = {
    "AWS::S3::BucketPolicy": ("PolicyDocument", None),
    "AWS::KMS::Key": ("KeyPolicy", "this key"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", None),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", None),
    "AWS::EC2::VPCEndpoint": ("PolicyDocument", None),
}
_ROLE_POLICIES: Final = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
_PSEUDO: Final = {
    "AWS::AccountId": "account",
    "AWS::Partition": "partition",
    "AWS::Region": "region",
    "AWS::StackId": "this stack",
    "AWS::URLSuffix": "domain",
}


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One action of one statement.

    Attributes:
        holder: the role, or the resource whose policy it is, by its logical id without CDK's hash.
        kind: CloudFormation type of the holder.
        effect: `Allow` or `Deny`.
        principal: who gets it; for a role's own rights the role itself, empty here.
        action: As in the policy.
        resources: ARNs, references in angle brackets; empty in a trust policy.
        conditions: each in words, all of which must hold.
    """

    holder: str
    kind: str
    effect: str
    principal: str
    action: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]


class Policies:
    """The policies of related stacks: references to exports are shown by name."""

    def __init__(self, templates: list[Template]) -> None:
        """Read the templates; imports that none of them exports keep their names."""
        self._templates = templates
        self._exports = {
            str(output["Export"]["Name"]): output["Value"]
            for template in templates
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    @classmethod
    def of_files(cls, files: list[Path]) -> Policies:
        """Return the policies in these template files."""
        return cls([json.loads(file.read_text("utf-8")) for file in sorted(files)])

    def permissions(self) -> list[Permission]:
        """Return all permissions, roles first."""
        found = [*self._of_roles(), *self._of_resources()]
        return sorted(found, key=lambda one: one.kind != "AWS::IAM::Role")

    def attached(self) -> dict[str, list[str]]:
        """Return managed policies outside of the templates that are attached to roles, by role."""
        return {
            short(name): [self._flat(arn) for arn in role["ManagedPolicyArns"]]
            for name, role in self._of_type("AWS::IAM::Role")
            if "ManagedPolicyArns" in role
        }

    def _of_roles(self) -> Iterator[Permission]:
        for name, role in self._of_type("AWS::IAM::Role"):
            documents = [role["AssumeRolePolicyDocument"]]
            documents += [policy["PolicyDocument"] for policy in role.get("Policies", ())]
            documents += [
                policy["PolicyDocument"]
                for kind in _ROLE_POLICIES
                for _, policy in self._of_type(kind)
                if {"Ref": name} in policy.get("Roles", ())
            ]
            for document in documents:
                yield from self._statements(short(name), "AWS::IAM::Role", document, None)

    def _of_resources(self) -> Iterator[Permission]:
        for kind, (place, everything) in _RESOURCE_POLICIES.items():
            for name, properties in self._of_type(kind):
                if place in properties:
                    yield from self._statements(short(name), kind, properties[place], everything)

    def _of_type(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for template in self._templates:
            for name, resource in template["Resources"].items():
                if resource["Type"] == kind:
                    yield name, resource.get("Properties", {})

    def _statements(
        self, holder: str, kind: str, document: Mapping[str, Any], everything: str | None
    ) -> Iterator[Permission]:
        for statement in document["Statement"]:
            resources = tuple(self._flat(each) for each in _listed(statement.get("Resource", ())))
            if everything:
                resources = tuple(everything if each == "*" else each for each in resources)
            for action in _listed(statement.get("Action", statement.get("NotAction"))):
                yield Permission(
                    holder=holder,
                    kind=kind,
                    effect=statement["Effect"],
                    principal=self._principal(statement.get("Principal", "")),
                    action=action if "Action" in statement else f"all but {action}",
                    resources=resources,
                    conditions=tuple(self._conditions(statement.get("Condition", {}))),
                )

    def _principal(self, principal: Any) -> str:
        if isinstance(principal, str):
            return principal
        named = [self._flat(each) for members in principal.values() for each in _listed(members)]
        return ", ".join(named)

    def _conditions(self, condition: Mapping[str, Any]) -> Iterator[str]:
        for operator, keys in condition.items():
            for key, values in keys.items():
                yield f"{operator} {key}: {', '.join(self._flat(value) for value in _listed(values))}"

    def _flat(self, node: Any) -> str:
        """Return a value in one line, with references as short names in angle brackets."""
        match node:
            case {"Ref": name}:
                return f"<{_PSEUDO.get(name) or short(name)}>"
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{short(name)}>" if attribute == "Arn" else f"<{short(name)}.{attribute}>"
            case {"Fn::Join": [delimiter, parts]}:
                return str(delimiter).join(map(self._flat, parts))
            case {"Fn::ImportValue": export} if str(export) in self._exports:
                return self._flat(self._exports[str(export)])
            case {"Fn::FindInMap": [name, *_]}:
                return f"<{name}>"
            case _:
                return node if isinstance(node, str) else json.dumps(node, sort_keys=True)


def short(logical_id: str) -> str:
    """Return a logical id without CDK's hash."""
    return re.sub(r"(?<=.)[0-9A-F]{8}$", "", logical_id)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]

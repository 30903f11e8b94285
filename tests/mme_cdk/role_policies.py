"""The permissions of a role in a synthesized template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mme.aws.iam_policy import Context, Decision, evaluate
from mme.aws.template_resolver import PlaceholderValues, TemplateResolver


class _Values(PlaceholderValues):
    """Given values for references and attributes, such as `Bucket.Arn`; others raise a KeyError."""

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        super().__init__(template, {}, given)
        self._given = given

    def attribute(self, logical_id: str, attribute: str) -> str:
        return self._given[f"{logical_id}.{attribute}"]


class RolePolicies:
    """Every policy of one role, inline or attached."""

    def __init__(self, template: Mapping[str, Any], role: str, values: Mapping[str, str]) -> None:
        resolver = TemplateResolver(template, _Values(template, values))
        properties = template["Resources"][role]["Properties"]
        assert "ManagedPolicyArns" not in properties, "statements outside of the template"
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for resource in template["Resources"].values():
            if resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"} and {
                "Ref": role
            } in resource["Properties"].get("Roles", []):
                documents.append(resource["Properties"]["PolicyDocument"])
        self._documents = [resolver.resolve(document) for document in documents]

    def allow(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Return whether a request with these condition keys is allowed."""
        decision = evaluate(self._documents, action, resource, context)
        assert decision is not Decision.UNKNOWN
        return decision is Decision.ALLOWED

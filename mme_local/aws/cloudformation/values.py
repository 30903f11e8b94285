"""What a stack's template refers to: parameters, resources and other stacks' exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mme.aws.template_resolver import TemplateError, TemplateResolver
from mme_local.aws.cloudformation.errors import CloudFormationRequestError
from mme_local.aws.cloudformation.stack import DeployedResource, Stack
from mme_local.aws.cloudformation.template import Template

UNKNOWN: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""AWS's placeholder in a change set for a value that only the deployment knows."""
_ZONES: Final = "abc"


class StackValues:
    """The values of a deployment, in which every value is known.

    Args:
        stack: Whose resources count.
        names: Pseudo parameters (`AWS::Region`) and parameters by name.
        exported: Returns another stack's export.

    Attributes:
        imports: The names of the exports that were used.
    """

    def __init__(self, stack: Stack, names: Mapping[str, Any], exported: Callable[[str], str]) -> None:
        self._stack = stack
        self._names = names
        self._exported = exported
        self.imports: set[str] = set()

    def ref(self, name: str) -> Any:
        """Return a parameter's value or a resource's physical id."""
        return self._names[name] if name in self._names else self._resource(name).physical.id

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return a resource's attribute.

        Args:
            logical_id: Logical id of the resource.
            attribute: Name of the attribute, as in `Fn::GetAtt`.

        Raises:
            TemplateError: The type has no such attribute, or the resource's condition is false.
        """
        resource = self._resource(logical_id)
        try:
            return resource.physical.attributes[attribute]
        except KeyError:
            raise TemplateError(
                f"Template error: resource {logical_id} of type {resource.resource_type} "
                f"has no attribute {attribute} for Fn::GetAtt"
            ) from None

    def import_value(self, name: str) -> str:
        value = self._exported(name)
        self.imports.add(name)
        return value

    def availability_zones(self, region: str) -> list[str]:
        """Return the zones that embedded EC2 has in every region."""
        return [f"{region}{zone}" for zone in _ZONES]

    def is_known(self, value: Any) -> bool:  # noqa: ARG002
        return True

    def unknown(self, function: str, argument: Any, resolved: Any, reason: str) -> Any:  # noqa: ARG002
        """See `TemplateValues.unknown`: a deployed template has no unknown values.

        Raises:
            TemplateError: Always.
        """
        raise TemplateError(reason)

    def _resource(self, logical_id: str) -> DeployedResource:
        if logical_id not in self._stack.resources:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{logical_id}]: "
                "its condition is false"
            )
        return self._stack.resources[logical_id]


class PlannedValues(StackValues):
    """The values of a change set: a resource that is new or replaced is not known yet.

    Attributes:
        replaced: The logical ids of the resources that the change set replaces.
    """

    def __init__(self, stack: Stack, names: Mapping[str, Any], exported: Callable[[str], str]) -> None:
        super().__init__(stack, names, exported)
        self.replaced: set[str] = set()

    def ref(self, name: str) -> Any:
        """Return the value, or `UNKNOWN`."""
        return UNKNOWN if name not in self._names and self._is_new(name) else super().ref(name)

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return the attribute, or `UNKNOWN`."""
        return UNKNOWN if self._is_new(logical_id) else super().attribute(logical_id, attribute)

    def is_known(self, value: Any) -> bool:
        """Return whether `value` lacks `UNKNOWN`."""
        return UNKNOWN not in str(value)

    def unknown(self, function: str, argument: Any, resolved: Any, reason: str) -> Any:
        """Return `UNKNOWN` if an argument is not known, else raise TemplateError."""
        return super().unknown(function, argument, resolved, reason) if self.is_known(resolved) else UNKNOWN

    def _is_new(self, logical_id: str) -> bool:
        return logical_id in self.replaced or logical_id not in self._stack.resources


def active_resources(template: Template, resolver: TemplateResolver) -> list[str]:
    """Return the logical ids of the resources whose condition holds, or that have none.

    Args:
        template: The template.
        resolver: Resolves its conditions.
    """
    return [
        name
        for name, definition in template.resources.items()
        if "Condition" not in definition or resolver.holds(definition["Condition"])
    ]


def check_rules(template: Template, resolver: TemplateResolver) -> None:
    """Evaluate the template's Rules.

    Args:
        template: The template.
        resolver: Resolves its rules.

    Raises:
        CloudFormationRequestError: An assertion does not hold.
    """
    for name, rule in template.section("Rules").items():
        if "RuleCondition" in rule and not resolver.test(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions", []):
            if not resolver.test(assertion["Assert"]):
                text = assertion.get("AssertDescription", "assertion failed")
                raise CloudFormationRequestError(f"Template constraint error: Rule {name}: {text}")

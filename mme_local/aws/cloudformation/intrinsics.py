"""What a template's functions say: Ref, Fn::GetAtt, Fn::Sub and the rest, in the scope of one stack."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mme_local.aws.cloudformation.faults import ResourceFault, ValidationFault
from mme_local.aws.cloudformation.template import SUBSTITUTION, Template

# What a change set shows, and passes on, for a value that only the deployment will know (AWS's own text).
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"

_NO_VALUE = object()
_ZONES = "abc"


class Referable(Protocol):
    """What Ref and Fn::GetAtt need of a resource."""

    def ref(self) -> str:
        """The physical id."""

    def attribute(self, name: str) -> Any:
        """One attribute; raises KeyError where the type has none of that name."""


class UnknownResource:
    """A resource of which nothing is known before it is deployed."""

    def ref(self) -> str:
        """The placeholder."""
        return UNKNOWN

    def attribute(self, name: str) -> Any:  # noqa: ARG002 - every attribute is as unknown as the next
        """The placeholder."""
        return UNKNOWN


@dataclass
class Scope:
    """Everything that a template of one stack can refer to.

    Attributes:
        template: whose conditions and mappings count.
        names: pseudo parameters (`AWS::Region`) and resolved parameters by name.
        resource: a resource by its logical id.
        import_value: another stack's export by its name.
    """

    template: Template
    names: Mapping[str, Any]
    resource: Callable[[str], Referable]
    import_value: Callable[[str], str]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """`value` with every function replaced by what it says, and members of AWS::NoValue left out.

        Raises:
            ResourceFault: a resource lacks the attribute asked for.
            ValidationFault: a function is unknown or its arguments make no sense.
        """
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def active(self) -> list[str]:
        """The logical ids of the resources whose condition holds."""
        return [name for name, definition in self.template.resources.items() if self.holds_for(definition)]

    def holds_for(self, member: Mapping[str, Any]) -> bool:
        """Whether the condition of a resource or output holds; true where it has none."""
        return "Condition" not in member or self.condition(member["Condition"])

    def condition(self, name: str) -> bool:
        """A named condition."""
        if name not in self._conditions:
            conditions = self.template.section("Conditions")
            if name not in conditions:
                raise ValidationFault(f"Template format error: Unresolved condition dependency {name}")
            self._conditions[name] = self.test(conditions[name])
        return self._conditions[name]

    def test(self, expression: Any) -> bool:
        """A condition expression."""
        if isinstance(expression, dict) and len(expression) == 1:
            [(function, argument)] = expression.items()
            if function in _TESTS:
                return _TESTS[function](self, argument)
        return str(self.resolve(expression)).lower() == "true"

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function in _FUNCTIONS:
                return _FUNCTIONS[function](self, argument)
            if function in _TESTS and function != "Condition":
                return self.test(value)
            if function.startswith("Fn::"):
                raise ValidationFault(
                    f"Template error: {function} is not a function of embedded CloudFormation"
                )
        members = ((name, self._resolve(member)) for name, member in value.items())
        return {name: member for name, member in members if member is not _NO_VALUE}


def _ref(scope: Scope, name: str) -> Any:
    if name == "AWS::NoValue":
        return _NO_VALUE
    return scope.names[name] if name in scope.names else scope.resource(name).ref()


def _get_att(scope: Scope, argument: Any) -> Any:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    name, attribute = parts[0], scope.resolve(parts[1])
    try:
        return scope.resource(name).attribute(attribute)
    except KeyError:
        kind = scope.template.resources[name]["Type"]
        raise ResourceFault(
            f"Template error: resource {name} of type {kind} has no attribute {attribute} for Fn::GetAtt"
        ) from None


def _sub(scope: Scope, argument: Any) -> str:
    text, given = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    own = {name: scope.resolve(value) for name, value in given.items()}

    def value_of(name: str) -> str:
        if name in own:
            return str(own[name])
        return str(_get_att(scope, name) if "." in name else _ref(scope, name))

    return SUBSTITUTION.sub(lambda match: value_of(match.group(1).strip()), text).replace("${!", "${")


def _join(scope: Scope, argument: Any) -> str:
    return str(argument[0]).join(str(item) for item in scope.resolve(argument[1]))


def _select(scope: Scope, argument: Any) -> Any:
    index, items = int(scope.resolve(argument[0])), scope.resolve(argument[1])
    if index < len(items):
        return items[index]
    if UNKNOWN in str(items):
        return UNKNOWN
    raise ValidationFault(f"Template error: Fn::Select cannot select nonexistent value at index {index}")


def _split(scope: Scope, argument: Any) -> list[str]:
    return str(scope.resolve(argument[1])).split(argument[0])


def _if(scope: Scope, argument: Any) -> Any:
    return scope._resolve(argument[1] if scope.condition(argument[0]) else argument[2])


def _find_in_map(scope: Scope, argument: Any) -> Any:
    found: Any = scope.template.section("Mappings")
    keys = [scope.resolve(key) for key in argument[:3]]
    for key in keys:
        if key not in found:
            options = argument[3] if len(argument) > 3 else {}
            if "DefaultValue" in options:
                return scope._resolve(options["DefaultValue"])
            raise ValidationFault(f"Template error: Unable to get mapping for {'::'.join(map(str, keys))}")
        found = found[key]
    return found


def _import_value(scope: Scope, argument: Any) -> str:
    return scope.import_value(str(scope.resolve(argument)))


def _base64(scope: Scope, argument: Any) -> str:
    return base64.b64encode(str(scope.resolve(argument)).encode()).decode()


def _zones(scope: Scope, argument: Any) -> list[str]:
    region = scope.resolve(argument) or scope.names["AWS::Region"]
    return [f"{region}{zone}" for zone in _ZONES]


def _json(scope: Scope, argument: Any) -> str:
    return json.dumps(scope.resolve(argument), separators=(",", ":"))


def _length(scope: Scope, argument: Any) -> int:
    return len(scope.resolve(argument))


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _zones,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _json,
}


def _equals(scope: Scope, argument: Any) -> bool:
    left, right = (scope.resolve(side) for side in argument)
    return (
        str(left).lower() == str(right).lower()
        if isinstance(left, bool) or isinstance(right, bool)
        else (str(left) == str(right))
    )


def _contains(scope: Scope, argument: Any) -> bool:
    return str(scope.resolve(argument[1])) in [str(item) for item in scope.resolve(argument[0])]


_TESTS: dict[str, Callable[[Scope, Any], bool]] = {
    "Condition": lambda scope, name: scope.condition(name),
    "Fn::And": lambda scope, tests: all(scope.test(test) for test in tests),
    "Fn::Contains": _contains,
    "Fn::Equals": _equals,
    "Fn::Not": lambda scope, tests: not scope.test(tests[0]),
    "Fn::Or": lambda scope, tests: any(scope.test(test) for test in tests),
}


def check_rules(scope: Scope) -> None:
    """Evaluate the template's Rules, as AWS does before it touches anything.

    Raises:
        ValidationFault: an assertion does not hold.
    """
    for name, rule in scope.template.section("Rules").items():
        if "RuleCondition" in rule and not scope.test(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions", []):
            if not scope.test(assertion["Assert"]):
                text = assertion.get("AssertDescription", "assertion failed")
                raise ValidationFault(f"Template constraint error: Rule {name}: {text}")

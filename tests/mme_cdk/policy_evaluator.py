"""A small IAM policy evaluator: may a role of a synthesized template take an action?

It knows what the policies of these constructs use and raises `Unsupported` on anything else, so that a
test never passes on a clause it did not understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, str | list[str]]

_STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


class Unsupported(Exception):  # noqa: N818 - it says what is so
    """A function, key or operator that the evaluator does not know."""


class Resolver:
    """Computes a template's functions with given values: `Ref` by name, `Fn::GetAtt` as `Name.Attribute`."""

    def __init__(self, values: Mapping[str, str], mappings: Mapping[str, Any] | None = None) -> None:
        self._values = values
        self._mappings = mappings or {}

    def __call__(self, node: Any) -> Any:
        """The node with every function replaced by its value."""
        if isinstance(node, list):
            return [self(item) for item in node]
        if not isinstance(node, dict):
            return node
        function = next(iter(node), "")
        if len(node) != 1 or not (function == "Ref" or function.startswith("Fn::")):
            return {key: self(value) for key, value in node.items()}
        return self._computed(function, node[function])

    def _computed(self, function: str, argument: Any) -> str:
        match function:
            case "Ref" | "Fn::ImportValue":
                return self._value(self(argument))
            case "Fn::GetAtt":
                return self._value(argument if isinstance(argument, str) else ".".join(argument))
            case "Fn::Join":
                separator, parts = argument
                return str(separator.join(self(parts)))
            case "Fn::Sub":
                return self._substituted(argument)
            case "Fn::FindInMap":
                name, first, second = self(argument)
                return str(self._mappings[name][first][second])
        raise Unsupported(f"function {function}")

    def _substituted(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            return str(self(own[name])) if name in own else self._value(name)

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _value(self, name: str) -> str:
        if name not in self._values:
            raise Unsupported(f"no value was given for {name}")
        return self._values[name]


class Policies:
    """The statements of one principal; a Deny wins over every Allow, and silence denies."""

    def __init__(self, statements: list[dict[str, Any]]) -> None:
        for statement in statements:
            if unknown := set(statement) - _STATEMENT_KEYS:
                raise Unsupported(f"statement with {sorted(unknown)}")
        self._statements = statements

    @classmethod
    def of_role(cls, template: Mapping[str, Any], role: str, values: Mapping[str, str]) -> Policies:
        """Every statement that a role of the template has, inline or attached.

        Raises:
            Unsupported: the role has managed policies whose statements are not in the template.
        """
        resolve = Resolver(values, template.get("Mappings"))
        properties = template["Resources"][role]["Properties"]
        if "ManagedPolicyArns" in properties:
            raise Unsupported(f"managed policies of {role}")
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for resource in template["Resources"].values():
            kinds = {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}
            if resource["Type"] in kinds and {"Ref": role} in resource["Properties"].get("Roles", []):
                documents.append(resource["Properties"]["PolicyDocument"])
        return cls([resolve(statement) for document in documents for statement in document["Statement"]])

    def allow(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Whether the action on the resource is allowed when its request has these condition keys."""
        effects = {
            statement["Effect"]
            for statement in self._statements
            if _applies(statement, action, resource, context or {})
        }
        return "Deny" not in effects and "Allow" in effects


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    return (
        _names(statement, "Action", action.lower(), str.lower)
        and _names(statement, "Resource", resource, str)
        and all(
            _condition_holds(operator, key, _listed(wanted), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _names(statement: Mapping[str, Any], element: str, value: str, fold: Callable[[str], str]) -> bool:
    negated = f"Not{element}"
    if (element in statement) == (negated in statement):
        raise Unsupported(f"a statement needs one of {element} and {negated}")
    if element in statement:
        return any(_like(fold(pattern), value) for pattern in _listed(statement[element]))
    return not any(_like(fold(pattern), value) for pattern in _listed(statement[negated]))


def _condition_holds(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    any_value = operator.startswith("ForAnyValue:")
    name = operator.removeprefix("ForAnyValue:")
    if_exists = name.endswith("IfExists")
    test = _OPERATORS.get(name.removesuffix("IfExists"))
    if test is None:
        raise Unsupported(f"condition operator {operator}")
    found = {name.lower(): value for name, value in context.items()}.get(key.lower())
    if found is None:
        return if_exists
    values = _listed(found)
    if len(values) != 1 and not any_value:
        raise Unsupported(f"{operator} on the many values of {key}")
    return any(test(pattern, value) for pattern in wanted for value in values)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _like(pattern: str, value: str) -> bool:
    if "${" in pattern:
        raise Unsupported(f"policy variable in {pattern}")
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """An ARN's six parts are compared one by one: a wildcard never spans a colon of the first five."""
    patterns, values = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(values) == 6 and all(map(_like, patterns, values))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda pattern, value: pattern == value,
    "StringLike": _like,
    "ArnLike": _arn_like,
    "Bool": lambda pattern, value: pattern.lower() == value.lower(),
}

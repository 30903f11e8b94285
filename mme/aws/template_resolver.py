"""The intrinsic functions of a CloudFormation template: Ref, Fn::GetAtt, Fn::Sub and the rest.

`TemplateResolver` computes the functions. Its `TemplateValues` supply what a template refers to, and are the
policy for values that are not known: raise, or return a placeholder. `PlaceholderValues` is the policy for a
template that is not deployed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

_SUBSTITUTION: Final = re.compile(r"\$\{([^!${}][^${}]*)\}")
"""`${Name}` or `${Name.Attribute}`; `${!Name}` is a literal."""
_NO_VALUE: Final = object()
_MOST_CHARACTERS: Final = 1024 * 1024
"""Of the result of a Fn::Sub; nested ones could double it with each level."""


class TemplateError(ValueError):
    """A function of a template has no value, or its arguments are not valid."""


class TemplateValues(Protocol):
    """What a template can refer to."""

    def ref(self, name: str) -> Any:
        """Return the value of a parameter or pseudo parameter, or the physical id of a resource."""

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return a resource's attribute.

        Args:
            logical_id: The resource.
            attribute: The name that Fn::GetAtt asks for.
        """

    def import_value(self, name: str) -> Any:
        """Return the value that another stack exports as `name`."""

    def availability_zones(self, region: str) -> Any:
        """Return the zones of a region, or None if they are not known."""

    def is_known(self, value: Any) -> bool:
        """Return whether `value` holds no placeholder."""

    def unknown(self, function: str, argument: Any, resolved: Any, reason: str) -> Any:
        """Return a placeholder for a function that has no value, or raise.

        Args:
            function: For example `Fn::Select`.
            argument: Its argument as written.
            resolved: Its argument with every function in it resolved.
            reason: Why it has none, in CloudFormation's words.

        Raises:
            TemplateError: The policy allows no placeholder.
        """


class TemplateResolver:
    """Resolves the functions and conditions of one template.

    Args:
        template: The parsed document.
        values: What it refers to.
    """

    def __init__(self, template: Mapping[str, Any], values: TemplateValues) -> None:
        self._mappings: Mapping[str, Any] = template.get("Mappings") or {}
        self._conditions: Mapping[str, Any] = template.get("Conditions") or {}
        self._values = values
        self._held: dict[str, bool | None] = {}  # each condition is computed once
        self._open: set[str] = set()

    def resolve(self, value: Any) -> Any:
        """Return `value` with every function replaced by its value; members of AWS::NoValue are left out.

        Raises:
            TemplateError: A function has no value and the policy allows no placeholder.
        """
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def holds(self, condition: str) -> bool | None:
        """Return whether a named condition holds; None if that is not known."""
        return self.test({"Condition": condition})

    def test(self, expression: Any) -> bool | None:
        """Return whether a condition expression holds; None if that is not known."""
        if isinstance(expression, dict) and len(expression) == 1:
            ((function, argument),) = expression.items()
            if function in _TESTS:
                held: bool | None = self._call(_TESTS, function, argument)
                return held
        resolved = self.resolve(expression)
        return str(resolved).lower() == "true" if self._values.is_known(resolved) else None

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function in _FUNCTIONS:
                return self._call(_FUNCTIONS, function, argument)
            if function in _TESTS and function != "Condition":
                return self.test(value)
            if function.startswith("Fn::"):
                return self._unknown(function, argument, argument, f"{function} is not a supported function")
        members = ((name, self._resolve(member)) for name, member in value.items())
        return {name: member for name, member in members if member is not _NO_VALUE}

    def _call(
        self, functions: Mapping[str, Callable[[TemplateResolver, Any], Any]], function: str, argument: Any
    ) -> Any:
        try:
            return functions[function](self, argument)
        except TemplateError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise TemplateError(f"Template error: {function} has an invalid argument: {error}") from error

    def _unknown(
        self, function: str, argument: Any, resolved: Any, reason: str = "its value is not known"
    ) -> Any:
        return self._values.unknown(function, argument, resolved, f"Template error: {reason}")

    def _ref(self, name: str) -> Any:
        return _NO_VALUE if name == "AWS::NoValue" else self._values.ref(name)

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._values.attribute(logical_id, str(self.resolve(attribute)))

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        own = {name: self.resolve(value) for name, value in given.items()}

        length = len(text)

        def value_of(match: re.Match[str]) -> str:
            nonlocal length
            name = match.group(1).strip()
            value = str(own[name] if name in own else self._get_att(name) if "." in name else self._ref(name))
            length += len(value)
            if length > _MOST_CHARACTERS:
                raise TemplateError(f"Template error: Fn::Sub makes more than {_MOST_CHARACTERS} characters")
            return value

        return _SUBSTITUTION.sub(value_of, text).replace("${!", "${")

    def _join(self, argument: Any) -> Any:
        parts = self.resolve(argument[1])
        if not isinstance(parts, list):
            return self._unknown("Fn::Join", argument, parts, "every Fn::Join object requires a list")
        return str(argument[0]).join(map(str, parts))

    def _select(self, argument: Any) -> Any:
        index, items = resolved = self.resolve(argument[0]), self.resolve(argument[1])
        if isinstance(items, list) and str(index).isdecimal() and int(index) < len(items):
            return items[int(index)]
        reason = f"Fn::Select cannot select nonexistent value at index {index}"
        return self._unknown("Fn::Select", argument, resolved, reason)

    def _split(self, argument: Any) -> Any:
        return self._if_known("Fn::Split", argument, argument[1], lambda text: str(text).split(argument[0]))

    def _if(self, argument: Any) -> Any:
        held = self.holds(argument[0])
        if held is None:
            return self._unknown("Fn::If", argument, argument)
        return self._resolve(argument[1] if held else argument[2])

    def _find_in_map(self, argument: Any) -> Any:
        found: Any = self._mappings
        keys = [self.resolve(key) for key in argument[:3]]
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                if len(argument) > 3 and "DefaultValue" in argument[3]:
                    return self._resolve(argument[3]["DefaultValue"])
                reason = f"Unable to get mapping for {'::'.join(map(str, keys))}"
                return self._unknown("Fn::FindInMap", argument, keys, reason)
            found = found[key]
        return found

    def _import_value(self, argument: Any) -> Any:
        return self._values.import_value(str(self.resolve(argument)))

    def _zones(self, argument: Any) -> Any:
        region = self.resolve(argument) or self._ref("AWS::Region")
        zones = self._values.availability_zones(region) if self._values.is_known(region) else None
        return self._unknown("Fn::GetAZs", argument, region) if zones is None else zones

    def _base64(self, argument: Any) -> Any:
        def encode(text: Any) -> str:
            return base64.b64encode(str(text).encode()).decode()

        return self._if_known("Fn::Base64", argument, argument, encode)

    def _json(self, argument: Any) -> Any:
        def dump(value: Any) -> str:
            return json.dumps(value, separators=(",", ":"))

        return self._if_known("Fn::ToJsonString", argument, argument, dump)

    def _length(self, argument: Any) -> Any:
        return self._if_known("Fn::Length", argument, argument, len)

    def _if_known(self, function: str, argument: Any, part: Any, compute: Callable[[Any], Any]) -> Any:
        """Compute from `part`, the part of the argument that has to be known."""
        resolved = self.resolve(part)
        return (
            compute(resolved)
            if self._values.is_known(resolved)
            else self._unknown(function, argument, resolved)
        )

    # --- conditions: None is "not known"

    def _condition(self, name: str) -> bool | None:
        if name not in self._conditions:
            reason = f"Template format error: Unresolved condition dependency {name}"
            self._values.unknown("Condition", name, name, reason)
            return None
        if name not in self._held:
            if name in self._open:
                raise TemplateError(f"Template format error: condition {name} refers to itself in a circle")
            self._open.add(name)
            self._held[name] = self.test(self._conditions[name])
        return self._held[name]

    def _equals(self, argument: Any) -> bool | None:
        left, right = (self.resolve(side) for side in argument)
        if _comparable(left, right) == _comparable(right, left):
            return True
        return False if self._values.is_known([left, right]) else None

    def _contains(self, argument: Any) -> bool | None:
        items, item = (self.resolve(side) for side in argument)
        if not self._values.is_known([items, item]):
            return None
        return str(item) in map(str, items)

    def _not(self, argument: Any) -> bool | None:
        held = self.test(argument[0])
        return None if held is None else not held

    def _and(self, argument: Any) -> bool | None:
        held = [self.test(one) for one in argument]
        return False if False in held else None if None in held else True

    def _or(self, argument: Any) -> bool | None:
        held = [self.test(one) for one in argument]
        return True if True in held else None if None in held else False


_FUNCTIONS: Final[dict[str, Callable[[TemplateResolver, Any], Any]]] = {
    "Ref": TemplateResolver._ref,
    "Fn::Base64": TemplateResolver._base64,
    "Fn::FindInMap": TemplateResolver._find_in_map,
    "Fn::GetAZs": TemplateResolver._zones,
    "Fn::GetAtt": TemplateResolver._get_att,
    "Fn::If": TemplateResolver._if,
    "Fn::ImportValue": TemplateResolver._import_value,
    "Fn::Join": TemplateResolver._join,
    "Fn::Length": TemplateResolver._length,
    "Fn::Select": TemplateResolver._select,
    "Fn::Split": TemplateResolver._split,
    "Fn::Sub": TemplateResolver._sub,
    "Fn::ToJsonString": TemplateResolver._json,
}
_TESTS: Final[dict[str, Callable[[TemplateResolver, Any], bool | None]]] = {
    "Condition": TemplateResolver._condition,
    "Fn::And": TemplateResolver._and,
    "Fn::Contains": TemplateResolver._contains,
    "Fn::Equals": TemplateResolver._equals,
    "Fn::Not": TemplateResolver._not,
    "Fn::Or": TemplateResolver._or,
}


class PlaceholderValues(TemplateValues):
    """The values of a template that is not deployed.

    What only the deployment knows stays in the text as `${Bucket}`, `${Role.Arn}` or `${import NAME}`: equal
    strings refer to the same thing; a string without such a part is the value itself.

    Args:
        template: The parsed document.
        parameters: Values of its parameters; one without a value has its default, if any.
        pseudo: Values of AWS::Region and similar names, as far as they are known.
    """

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]
    ) -> None:
        self._names: dict[str, Any] = dict(pseudo)
        for name, declared in (template.get("Parameters") or {}).items():
            value, kind = parameters.get(name, declared.get("Default")), str(declared.get("Type", ""))
            # The default of an SSM parameter type is the parameter's name, not its value.
            if value is not None and (name in parameters or "SSM" not in kind):
                is_list = kind.startswith(("CommaDelimitedList", "List<"))
                self._names[name] = str(value).split(",") if is_list else value

    def ref(self, name: str) -> Any:
        """Return the value, or `${Name}`."""
        return self._names.get(name, f"${{{name}}}")

    def attribute(self, logical_id: str, attribute: str) -> str:
        """Return `${Name.Attribute}`."""
        return f"${{{logical_id}.{attribute}}}"

    def import_value(self, name: str) -> str:
        """Return `${import NAME}`."""
        return f"${{import {name}}}"

    def availability_zones(self, region: str) -> None:
        """Return None: accounts have different zones."""

    def is_known(self, value: Any) -> bool:
        """Return whether the deployment would not change `value`."""
        return is_known(value)

    def unknown(self, function: str, argument: Any, resolved: Any, reason: str) -> str:  # noqa: ARG002
        """Return the function as text."""
        return f"${{{function} {json.dumps(argument, sort_keys=True)}}}"


def is_known(value: object) -> bool:
    """Return whether `value` holds no placeholder of `PlaceholderValues`."""
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_known, value))
    return not (isinstance(value, str) and "${" in value)


def reference(value: object) -> str | None:
    """Return the logical id of `{"Ref": id}` or `{"Fn::GetAtt": [id, ...]}`; None for anything else."""
    if isinstance(value, dict) and len(value) == 1 and not {"Ref", "Fn::GetAtt"}.isdisjoint(value):
        return next(references(value), None)
    return None


def references(value: Any) -> Iterator[str]:
    """Yield every logical name that `value` mentions by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if key == "Ref" and isinstance(member, str):
            yield member
        elif key == "Fn::GetAtt":
            yield member.partition(".")[0] if isinstance(member, str) else member[0]
        elif key == "Fn::Sub":
            yield from _substituted(member)
        else:
            yield from references(member)


def _substituted(member: Any) -> Iterator[str]:
    text, given = member if isinstance(member, list) else (member, {})
    yield from references(given)
    for name in _SUBSTITUTION.findall(text):
        if name not in given:
            yield name.strip().partition(".")[0]


def _comparable(value: Any, other: Any) -> str:
    """Compare 1 with "1", and true with "True", as CloudFormation does."""
    return str(value).lower() if isinstance(value, bool) or isinstance(other, bool) else str(value)

"""Values of a template, as far as they can be known without deploying it.

What only the deployment knows stays in the text as `${Bucket}`, `${Role.Arn}`, `${import NAME}`: two texts
that are alike then refer to the same thing, and a text without such a part is the value itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"\$\{([^!][^}]*)\}")
_NOTHING: Final = object()


def is_known(value: object) -> bool:
    """Whether nothing in it waits for the deployment."""
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    if isinstance(value, list):
        return all(map(is_known, value))
    return not (isinstance(value, str) and "${" in value)


class Resolver:
    """Resolves the intrinsic functions of one template.

    Args:
        template: its document.
        parameters: values of its parameters; one without a value has its default, if any.
        pseudo: values of AWS::Region and its kin, as far as they are known.
    """

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]
    ) -> None:
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._names: dict[str, Any] = dict(pseudo)
        for name, declared in template.get("Parameters", {}).items():
            value = parameters.get(name, declared.get("Default"))
            # A default of an SSM parameter's type is the parameter's name, not its value.
            if value is not None and (name in parameters or "SSM" not in str(declared.get("Type"))):
                self._names[name] = (
                    str(value).split(",")
                    if str(declared.get("Type", "")).startswith(("CommaDelimitedList", "List<"))
                    else value
                )

    def resolve(self, value: Any) -> Any:
        """The value, with what is not known left in its text."""
        resolved = self._resolve(value)
        return None if resolved is _NOTHING else resolved

    def holds(self, condition: str) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        return self._test({"Condition": condition})

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function in _FUNCTIONS:
                return _FUNCTIONS[function](self, argument)
            if function.startswith("Fn::"):
                return _opaque(function, argument)
        members = ((name, self._resolve(member)) for name, member in value.items())
        return {name: member for name, member in members if member is not _NOTHING}

    def _test(self, expression: Any) -> bool | None:
        if not isinstance(expression, dict) or len(expression) != 1:
            return None
        ((function, argument),) = expression.items()
        if function == "Condition":
            return self._test(self._conditions[argument]) if argument in self._conditions else None
        if function == "Fn::Equals":
            first, second = self._resolve(argument[0]), self._resolve(argument[1])
            alike = bool(first == second)
            return alike if alike or is_known([first, second]) else None
        held = [self._test(one) for one in argument] if function in ("Fn::And", "Fn::Or", "Fn::Not") else []
        if function == "Fn::Not" and held and held[0] is not None:
            return not held[0]
        decisive = function == "Fn::Or"
        if not held or function == "Fn::Not" or (None in held and decisive not in held):
            return None
        return decisive if decisive in held else not decisive

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        return self._names.get(name, f"${{{name}}}")

    def _get_att(self, argument: Any) -> str:
        parts = argument if isinstance(argument, list) else [argument]
        return f"${{{'.'.join(str(self._resolve(part)) for part in parts)}}}"

    def _join(self, argument: Any) -> Any:
        parts = self._resolve(argument[1])
        return argument[0].join(map(str, parts)) if isinstance(parts, list) else _opaque("Fn::Join", argument)

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        own = {name: self._resolve(value) for name, value in given.items()}

        def value_of(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name in own:
                return str(own[name])
            return str(self._ref(name)) if "." not in name else f"${{{name}}}"

        return _PLACEHOLDER.sub(value_of, text).replace("${!", "${")

    def _select(self, argument: Any) -> Any:
        index, items = self._resolve(argument[0]), self._resolve(argument[1])
        if isinstance(items, list) and str(index).isdecimal() and int(index) < len(items):
            return items[int(index)]
        return _opaque("Fn::Select", argument)

    def _split(self, argument: Any) -> Any:
        text = self._resolve(argument[1])
        return text.split(argument[0]) if is_known(text) else _opaque("Fn::Split", argument)

    def _if(self, argument: Any) -> Any:
        held = self.holds(argument[0])
        if held is None:
            return _opaque("Fn::If", argument)
        return self._resolve(argument[1] if held else argument[2])

    def _find_in_map(self, argument: Any) -> Any:
        found: Any = self._mappings
        for key in map(self._resolve, argument[:3]):
            if not isinstance(found, Mapping) or not isinstance(key, str) or key not in found:
                return _opaque("Fn::FindInMap", argument)
            found = found[key]
        return found

    def _import(self, argument: Any) -> str:
        return f"${{import {self._resolve(argument)}}}"


def _opaque(function: str, argument: Any) -> str:
    return f"${{{function} {json.dumps(argument, sort_keys=True)}}}"


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Ref": Resolver._ref,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::If": Resolver._if,
    "Fn::ImportValue": Resolver._import,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::Sub": Resolver._sub,
}

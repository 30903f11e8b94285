"""A template's parameters: which values count, and what they must satisfy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mme_local.aws.cloudformation.faults import ValidationFault
from mme_local.aws.cloudformation.template import Document, Template

_STORED = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


def resolve_parameters(
    template: Template, given: Mapping[str, str], read_stored: Callable[[str], str]
) -> dict[str, Any]:
    """The value of each parameter of `template`: text, or a list of texts for the list types.

    Args:
        template: declares the parameters.
        given: the request's values; a missing one takes its default.
        read_stored: the value of a Systems Manager parameter, for the `AWS::SSM::Parameter::Value<>` types.

    Raises:
        ValidationFault: a value is missing, unknown or not allowed.
    """
    declared = template.section("Parameters")
    if unknown := sorted(set(given) - set(declared)):
        raise ValidationFault(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    if missing := [name for name, slot in declared.items() if name not in given and "Default" not in slot]:
        raise ValidationFault(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _value(name, slot, str(given.get(name, slot.get("Default"))), read_stored)
        for name, slot in declared.items()
    }


def _value(name: str, slot: Document, text: str, read_stored: Callable[[str], str]) -> Any:
    kind = slot.get("Type", "String")
    _check(name, slot, text)
    if stored := _STORED.fullmatch(kind):
        kind, text = stored.group(1), read_stored(text)
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in text.split(",")] if text else []
    if kind == "Number":
        try:
            float(text)
        except ValueError:
            raise ValidationFault(f"Parameter '{name}' must be a number.") from None
    return text


def _check(name: str, slot: Document, text: str) -> None:
    allowed = [str(value) for value in slot.get("AllowedValues", [])]
    if allowed and text not in allowed:
        raise ValidationFault(f"Parameter '{name}' must be one of AllowedValues")
    if (pattern := slot.get("AllowedPattern")) and not re.fullmatch(pattern, text):
        raise ValidationFault(f"Parameter '{name}' must match pattern {pattern}")
    if len(text) < int(slot.get("MinLength", 0)):
        raise ValidationFault(f"Parameter '{name}' must contain at least {slot['MinLength']} characters")
    if "MaxLength" in slot and len(text) > int(slot["MaxLength"]):
        raise ValidationFault(f"Parameter '{name}' must contain at most {slot['MaxLength']} characters")

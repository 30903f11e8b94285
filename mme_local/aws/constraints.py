"""AWS's constraints on the members of a request, from botocore's model, which checks only some of them.

Messages are those of AWS's services, such as `1 validation error detected: Value '0' at 'minCapacity' failed
to satisfy constraint: Member must have value greater than or equal to 1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from moto.core.utils import get_service_model

# Java's classes of characters: inside and outside of brackets.
_JAVA: Final = {
    r"[\p{Print}]": "[ -~]",
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\p{L}\p{Z}\p{N}": r"\w\s",
    r"\z": r"\Z",
}
_SHOWN_CHARACTERS: Final = 256
_JSON_TYPES: Final = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "long": int,
    "float": int | float,
    "double": int | float,
    "timestamp": int | float,
}


@cache
def request_shape(service: str, operation: str) -> StructureShape:
    """Return the members of a request.

    Args:
        service: boto3's name of the service.
        operation: The API's name of the operation.
    """
    return cast(StructureShape, get_service_model(service).operation_model(operation).input_shape)


def broken_constraints(request: dict[str, Any], shape: StructureShape) -> str:
    """Return AWS's message about the members that break a constraint; empty if none does.

    Args:
        request: The members that were sent.
        shape: From `request_shape`.
    """
    return validation_errors(list(_structure(request, shape, "")))


def validation_errors(faults: list[str]) -> str:
    """Return the faults as one message; empty if there are none."""
    if not faults:
        return ""
    errors = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
    return f"{errors} detected: {'; '.join(faults)}"


def member_path(name: str) -> str:
    """Return how messages name a member."""
    return f"{name[:1].lower()}{name[1:]}"


def _structure(value: dict[str, Any], shape: StructureShape, path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        place = f"{path}{member_path(name)}"
        if value.get(name) is not None:
            yield from member_faults(value[name], member, place)
        elif name in shape.required_members:
            yield _fault(None, member, place, "not be null")


def mistyped(value: Any, shape: Shape, path: str = "") -> str | None:
    """Return the path of the first member of the wrong JSON type; None if there is none.

    Args:
        value: Parsed JSON.
        shape: What it must be.
        path: Its place in the request.
    """
    if value is None:
        return None
    is_other = isinstance(value, bool) and shape.type_name != "boolean"  # Python's bool is an int
    if is_other or not isinstance(value, _JSON_TYPES.get(shape.type_name, object)):
        return path
    parts: list[tuple[str, Any, Shape]] = []
    members: Any = value
    match shape:
        case StructureShape():
            parts = [(name, members[name], one) for name, one in shape.members.items() if name in members]
        case ListShape():
            parts = [(str(number), item, shape.member) for number, item in enumerate(members, 1)]
        case MapShape():
            parts = [(key, item, shape.value) for key, item in members.items()]
    found = (mistyped(item, one, f"{path}.{name}".lstrip(".")) for name, item, one in parts)
    return next((place for place in found if place is not None), None)


def member_faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield the faults of a member; one of a wrong type is the parser's to refuse.

    Args:
        value: As it was sent.
        shape: The member's shape.
        path: Its place in the request, as messages name it.
    """
    match shape:
        case StructureShape() if isinstance(value, dict):
            yield from _structure(value, shape, f"{path}.")
        case ListShape() if isinstance(value, list):
            yield from _size(len(value), value, shape, path, "have length")
            for number, item in enumerate(value, 1):
                yield from member_faults(item, shape.member, f"{path}.{number}.member")
        case MapShape() if isinstance(value, dict):
            yield from _size(len(value), value, shape, path, "have length")
            for key, item in value.items():
                yield from member_faults(key, shape.key, f"{path}.key")
                yield from member_faults(item, shape.value, f"{path}.{key}.member")
        case StringShape() if isinstance(value, str):
            yield from _string(value, shape, path)
        case _ if isinstance(value, int | float):
            yield from _size(value, value, shape, path, "have value")


def _string(value: str, shape: StringShape, path: str) -> Iterator[str]:
    size = list(_size(len(value), value, shape, path, "have length"))
    yield from size
    if shape.enum and value not in shape.enum:
        yield _fault(value, shape, path, f"satisfy enum value set: [{', '.join(sorted(shape.enum))}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not size and not _compiled(pattern).fullmatch(value):
        yield _fault(value, shape, path, f"satisfy regular expression pattern: {pattern}")


def _size(number: float, value: Any, shape: Shape, path: str, what: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low:
        yield _fault(value, shape, path, f"{what} greater than or equal to {low}")
    if high is not None and number > high:
        yield _fault(value, shape, path, f"{what} less than or equal to {high}")


def _fault(value: Any, shape: Shape, path: str, constraint: str) -> str:
    shown = "null" if value is None else repr(str(value)[:_SHOWN_CHARACTERS])
    value_at = "Value at" if shape.metadata.get("sensitive") else f"Value {shown} at"
    return f"{value_at} '{path}' failed to satisfy constraint: Member must {constraint}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)

"""Runtime checks of arguments against their annotations.

Python does not check annotations, and CDK's own errors name neither the prop nor a fix. `@checked` compares
the arguments of a constructor or method with their annotations and raises one `PropsError` with all faults.
Annotations are read as text, so a check loads no module of aws-cdk. Tokens pass as what Python sees in them:
strings, floats and lists.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache, wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from mme_cdk._internal.type_hints import CDK_INTERFACES, hint_for, with_article
from mme_cdk._internal.validation import PropsError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LISTS = {"Sequence", "Iterable", "tuple", "list"}


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Check the arguments of each call against the function's annotations.

    Keywords of a `**props: Unpack[SomeTypedDict]` are checked one by one. The `PropsError` names the
    construct's path, or the function if there is no construct yet.
    """
    signature: inspect.Signature | None = None

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        nonlocal signature
        signature = signature or inspect.signature(function)
        try:
            arguments = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # raises Python's own message
        faults = [
            fault for each in _annotated(function, signature, arguments) for fault in type_faults(*each)
        ]
        if faults:
            raise PropsError(faults, path=_path(function, arguments))
        return function(*args, **kwargs)

    return call


def check_fields(settings: Any) -> None:
    """Check the fields of a dataclass; call it in `__post_init__`.

    Raises:
        PropsError: Fields of the wrong type.
    """
    names = vars(sys.modules[type(settings).__module__])
    faults = [
        fault
        for each in fields(settings)
        for fault in type_faults(each.name, getattr(settings, each.name), str(each.type), names)
    ]
    if faults:
        raise PropsError(faults, path=type(settings).__name__)


def type_faults(name: str, value: object, annotation: str, names: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the type of a value.

    Args:
        name: The prop.
        value: What the caller passed.
        annotation: The prop's annotation as in the source.
        names: Globals of the module that the annotation is written in.
    """
    return list(_faults(name, value, _parsed(annotation), names))


def shown(value: object) -> str:
    """Return a value as messages show it: plain values as in the source, objects by their class."""
    if isinstance(value, str):
        return f'"{value}"'
    if value is None or isinstance(value, bool | int | float | list | tuple | dict):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    return f"the class {value.__name__}" if isinstance(value, type) else with_article(type(value).__name__)


class _Plain(NamedTuple):
    noun: str
    accepts: Callable[[object], bool]


class _Argument(NamedTuple):
    name: str
    value: object
    annotation: str
    names: Mapping[str, Any]


def _annotated(
    function: Callable[..., Any], signature: inspect.Signature, arguments: Mapping[str, Any]
) -> Iterator[_Argument]:
    names = inspect.unwrap(function).__globals__
    for name, value in arguments.items():
        parameter = signature.parameters[name]
        annotation = parameter.annotation
        if parameter.kind is parameter.VAR_POSITIONAL:
            for place, item in enumerate(value):
                yield _Argument(f"{name}[{place}]", item, annotation, names)
        elif parameter.kind is parameter.VAR_KEYWORD:
            declared = names[annotation.removeprefix("Unpack[").removesuffix("]")]
            for key, item in value.items():
                if key not in declared.__annotations__:
                    near = get_close_matches(key, [*declared.__annotations__, *signature.parameters], n=1)
                    hint = f"; did you mean '{near[0]}'?" if near else ""
                    raise TypeError(
                        f"{function.__qualname__}() got an unexpected keyword argument '{key}'{hint}"
                    )
                reference = declared.__annotations__[key]
                origin = reference.__forward_module__ or declared.__module__
                yield _Argument(key, item, reference.__forward_arg__, vars(sys.modules[origin]))
        elif annotation is not parameter.empty and name not in {"scope", "id"}:
            yield _Argument(name, value, annotation, names)


def _path(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Path of the construct that is made or called; the function's name if there is none."""
    owner = arguments.get("scope", arguments.get("self"))
    if owner is None or not hasattr(owner, "node"):
        return function.__qualname__.removesuffix(".__init__")
    path: str = owner.node.path
    return f"{path}/{arguments['id']}" if "id" in arguments else path


@cache
def _parsed(annotation: str) -> ast.expr:
    return ast.parse(annotation, mode="eval").body


def _faults(name: str, value: object, node: ast.expr, names: Mapping[str, Any]) -> Iterator[str]:
    choices = [each for each in _choices(node) if ast.unparse(each) != "None"]
    if value is None and len(choices) < len(list(_choices(node))):
        return
    outer = next((each for each in choices if isinstance(each, ast.Subscript)), None)
    if outer is not None and _name(outer.value) in _LISTS:
        yield from _list_faults(name, value, outer, names)
    elif outer is not None and _name(outer.value) == "Mapping":
        yield from _mapping_faults(name, value, outer, names)
    elif not any(_accepts(value, each, names) for each in choices):
        nouns = " or ".join(_noun(each) for each in choices)
        hints = (hint_for(value, _name(each), _resolved(each, names)) for each in choices)
        hint = next((found for found in hints if found), None)
        yield f"{name} is {shown(value)}; must be {nouns}" + (f": {hint}" if hint else "")


def _list_faults(name: str, value: object, node: ast.Subscript, names: Mapping[str, Any]) -> Iterator[str]:
    item = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        yield f"{name} is {shown(value)}; must be a list, each item {_noun(item)}: put it in brackets"
        return
    # An iterator would be used up: the function itself reads it once.
    for place, each in enumerate(value if not isinstance(value, Iterator) else ()):
        yield from _faults(f"{name}[{place}]", each, item, names)


def _mapping_faults(name: str, value: object, node: ast.Subscript, names: Mapping[str, Any]) -> Iterator[str]:
    key, item = node.slice.elts if isinstance(node.slice, ast.Tuple) else (node.slice, node.slice)
    if not isinstance(value, Mapping):
        yield f'{name} is {shown(value)}; must be a mapping to {_noun(item)}: use {{"NAME": ...}}'
        return
    for each in value:
        yield from _faults(f"key of {name}", each, key, names)
    for each, content in value.items():
        yield from _faults(f"{name}[{shown(each)}]", content, item, names)


def _choices(node: ast.expr) -> Iterator[ast.expr]:
    """The members of a union."""
    if isinstance(node, ast.BinOp):
        yield from _choices(node.left)
        yield from _choices(node.right)
    else:
        yield node


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _noun(node: ast.expr) -> str:
    name = _name(node)
    if name in _PLAIN:
        return _PLAIN[name].noun
    return CDK_INTERFACES[name].noun if name in CDK_INTERFACES else with_article(name)


def _resolved(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The class that an annotation names, if its module is loaded; else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(sys.modules.get(f"aws_cdk.{_name(node.value)}"), node.attr, None)
    return None


def _accepts(value: object, node: ast.expr, names: Mapping[str, Any]) -> bool:
    name = _name(node)
    if name in _PLAIN:
        return _PLAIN[name].accepts(value)
    if not name or isinstance(value, type):
        return not name  # others, such as Callable[...], are not checked
    if name in CDK_INTERFACES:
        # On the class first: reading it from the object calls CDK. Some imports have it on the object only.
        member = CDK_INTERFACES[name].member
        return hasattr(type(value), member) or hasattr(value, member)
    cls = _resolved(node, names)
    if not isinstance(cls, type):
        # Imported for type checkers only: known by its name. Other annotations, such as Callable, are not
        # checked.
        return not name or any(base.__name__ == name for base in type(value).__mro__)
    if cls is Any or getattr(cls, "_is_protocol", False):
        return True
    # CDK takes a dictionary for each of its structs.
    return isinstance(value, cls) or (isinstance(value, dict) and hasattr(cls, "__jsii_struct_bases__"))


def _is_integer(value: object) -> bool:
    # A token is a float: a huge and whole one.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_PLAIN: Final = {
    "bool": _Plain("True or False", lambda value: isinstance(value, bool)),
    "float": _Plain("a number", _is_number),
    "int": _Plain("an integer", _is_integer),
    "str": _Plain("a string", lambda value: isinstance(value, str)),
}

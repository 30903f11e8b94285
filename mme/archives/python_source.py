"""What a model's Python code defines and calls, without running it."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_CLASS = "TritonPythonModel"
_NEWER_SYNTAX = re.compile(r"\s*type\s+\w+.*=|\s*(async\s+)?(def|class)\s+\w+\[|.*\b[rR]?f[\"']")
"""Lines that Python 3.12 reads and 3.11 may not: type aliases, type parameters, nested f-strings."""


@dataclass(frozen=True, slots=True)
class PythonSource:
    """One file of code.

    Attributes:
        error: Why it is not valid Python; None if it is.
        names: What it defines or imports at its top level; `*` if it imports everything of a module.
        methods: Of its TritonPythonModel; None if that is not defined here or inherits.
        calls: Models that it sends inference requests to, as far as the code has their literal names, with
            the line of the first call.
        computed_calls: Lines of requests to models whose names the code computes.
        loads: Models that it loads itself; `*` if the code computes a name.
    """

    error: str | None = None
    names: frozenset[str] = frozenset()
    methods: frozenset[str] | None = None
    calls: tuple[tuple[str, int], ...] = ()
    computed_calls: tuple[int, ...] = ()
    loads: frozenset[str] = frozenset()

    def defines(self, name: str) -> bool:
        """Return whether a top-level name is defined, or may be by a star import."""
        return name in self.names or "*" in self.names

    @property
    def completes_config(self) -> bool:
        """Whether it may fill in what the config leaves out; an inherited method counts as one that may."""
        return self.methods is None or "auto_complete_config" in self.methods


@lru_cache(maxsize=64)
def read_python(content: bytes) -> PythonSource:
    """Parse a Python file with the running Python's grammar. Results are cached: many models share a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(content)
    except SyntaxError as error:
        if sys.version_info < (3, 12) and _NEWER_SYNTAX.match(error.text or ""):
            return PythonSource(names=frozenset({"*"}))  # the container's Python may be newer
        line = f"line {error.lineno}: " if error.lineno else ""
        return PythonSource(error=f"{line}{error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return PythonSource(error=str(error) or type(error).__name__)
    constants = _constants(module)
    calls: dict[str, int] = {}
    computed: list[int] = []
    for call in _calls(module, "InferenceRequest"):
        if name := _argument(call, "model_name", None, constants):
            calls.setdefault(name, call.lineno)
        else:
            computed.append(call.lineno)
    loads = {_argument(call, "model_name", 0, constants) or "*" for call in _calls(module, "load_model")}
    return PythonSource(
        names=frozenset(_bound(module.body)),
        methods=_methods(module.body),
        calls=tuple(calls.items()),
        computed_calls=tuple(computed),
        loads=frozenset(loads),
    )


def python_version() -> str:
    """Return the version of the grammar that `read_python` uses."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, those in branches included."""
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _statements(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    for statement in _statements(body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.Assign(targets=targets):
                for target in targets:
                    yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value:
                yield name


def _methods(body: Iterable[ast.stmt]) -> frozenset[str] | None:
    for statement in _statements(body):
        if isinstance(statement, ast.ClassDef) and statement.name == _CLASS:
            if statement.keywords or any(
                not (isinstance(base, ast.Name) and base.id == "object") for base in statement.bases
            ):
                return None
            return frozenset(_bound(statement.body))
    return None


def _calls(module: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Attribute) and called.attr == name) or (
                isinstance(called, ast.Name) and called.id == name
            ):
                yield node


def _argument(call: ast.Call, name: str, position: int | None, constants: dict[str, str]) -> str | None:
    value: ast.expr | None = next((word.value for word in call.keywords if word.arg == name), None)
    if value is None and position is not None and len(call.args) > position:
        value = call.args[position]
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=variable) | ast.Attribute(attr=variable):
            return constants.get(variable)
    return None


def _constants(module: ast.Module) -> dict[str, str]:
    """Return the variables and attributes that are only assigned one string."""
    values: dict[str, set[str | None]] = {}
    for node in ast.walk(module):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            match target:
                case ast.Name(id=variable) | ast.Attribute(attr=variable):
                    value = node.value.value if isinstance(node.value, ast.Constant) else None
                    values.setdefault(variable, set()).add(value if isinstance(value, str) else None)
    return {
        variable: text
        for variable, assigned in values.items()
        if len(assigned) == 1 and (text := next(iter(assigned))) is not None
    }

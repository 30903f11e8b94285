"""The values of a template's parameters."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mme_local.aws.cloudformation.errors import CloudFormationRequestError
from mme_local.aws.cloudformation.template import Document, Template

_MATCH_SECONDS = 5
"""CPU time, so that a busy machine does not refuse a template."""
_MATCH_WALL_SECONDS = 300
"""For a process that gets no CPU time."""
_MATCH = f"""\
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_MATCH_SECONDS}, {_MATCH_SECONDS}))
sys.exit(10 if re.fullmatch(*json.load(sys.stdin)) else 11)
"""
_MATCH_RESULTS = {10: True, 11: False}
_STORED = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


def resolve_parameters(
    template: Template, given: Mapping[str, str], read_stored: Callable[[str], str]
) -> dict[str, Any]:
    """Return the value of each parameter: a string, or a list of strings for the list types.

    Args:
        template: Declares the parameters.
        given: The request's values; a missing one has its default.
        read_stored: Returns a Systems Manager parameter, for the `AWS::SSM::Parameter::Value<>` types.

    Raises:
        CloudFormationRequestError: A value is missing, unknown or not allowed.
    """
    declared = template.section("Parameters")
    if unknown := sorted(set(given) - set(declared)):
        raise CloudFormationRequestError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    if missing := [name for name, slot in declared.items() if name not in given and "Default" not in slot]:
        raise CloudFormationRequestError(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _value(name, slot, str(given.get(name, slot.get("Default"))), read_stored)
        for name, slot in declared.items()
    }


def _value(name: str, slot: Document, text: str, read_stored: Callable[[str], str]) -> Any:
    type_name = slot.get("Type", "String")
    _check(name, slot, text)
    if stored := _STORED.fullmatch(type_name):
        type_name, text = stored.group(1), read_stored(text)
    if type_name == "CommaDelimitedList" or type_name.startswith("List<"):
        return [item.strip() for item in text.split(",")] if text else []
    if type_name == "Number":
        try:
            float(text)
        except ValueError:
            raise CloudFormationRequestError(f"Parameter '{name}' must be a number.") from None
    return text


def _check(name: str, slot: Document, text: str) -> None:
    allowed = [str(value) for value in slot.get("AllowedValues", [])]
    if allowed and text not in allowed:
        raise CloudFormationRequestError(f"Parameter '{name}' must be one of AllowedValues")
    if (pattern := slot.get("AllowedPattern")) and not _matches(name, str(pattern), text):
        raise CloudFormationRequestError(f"Parameter '{name}' must match pattern {pattern}")
    if len(text) < int(slot.get("MinLength", 0)):
        raise CloudFormationRequestError(
            f"Parameter '{name}' must contain at least {slot['MinLength']} characters"
        )
    if "MaxLength" in slot and len(text) > int(slot["MaxLength"]):
        raise CloudFormationRequestError(
            f"Parameter '{name}' must contain at most {slot['MaxLength']} characters"
        )


def _matches(name: str, pattern: str, text: str) -> bool:
    """Match in a process of its own, because a pattern can take forever and block every thread here."""
    too_slow = CloudFormationRequestError(
        f"Parameter '{name}': its AllowedPattern takes longer than {_MATCH_SECONDS} seconds of CPU time "
        "to match"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MATCH],
            input=json.dumps([pattern, text]).encode(),
            capture_output=True,
            check=False,
            timeout=_MATCH_WALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise too_slow from None
    if done.returncode in (-signal.SIGKILL, -signal.SIGXCPU):
        raise too_slow
    if done.returncode < 0:  # another signal is no fault of the template
        done.check_returncode()
    if done.returncode not in _MATCH_RESULTS:
        raise CloudFormationRequestError(f"Parameter '{name}': its AllowedPattern is not a valid expression")
    return _MATCH_RESULTS[done.returncode]

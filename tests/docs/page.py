"""The blocks of a page of the docs, and a shell that runs their commands on the local endpoint."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import jmespath
import pytest
from botocore import xform_name
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]


def blocks(path: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block of a page, in order."""
    text = (ROOT / path).read_text("utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(block: str) -> Iterator[str]:
    """The commands of a console block, those joined by `&&` apart, each with its comment."""
    joined = block.replace("\\\n", " ")
    for line in re.findall(r"^\$ (.*)$", joined, re.MULTILINE):
        yield from (part.strip() for part in line.split("&&"))


@dataclass
class Shell:
    """Runs commands in this process: `export`, `unset`, `mme`, and `aws` by boto3.

    Attributes:
        monkeypatch: sets the variables.
        others: what to do in place of commands that begin with these words.
        ran: every command that ran, with its output.
    """

    monkeypatch: pytest.MonkeyPatch
    others: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    ran: dict[str, str] = field(default_factory=dict)

    def run(self, block: str) -> None:
        """Run the commands of a console block; each must succeed."""
        for command in commands(block):
            self.ran[command] = self._run_one(command)

    def _run_one(self, command: str) -> str:
        own = next((act for start, act in self.others.items() if command.startswith(start)), None)
        if own is not None:
            return str(own(command) or "")
        program, *words = shlex.split(command, comments=True)
        if program == "export":
            for name, _, value in (word.partition("=") for word in words):
                self.monkeypatch.setenv(name, value)
            return ""
        if program == "unset":
            for name in words:
                self.monkeypatch.delenv(name)
            return ""
        if program == "aws":
            return _aws(*words)
        assert program == "mme", command
        return _mme(*words)


def _mme(*words: str) -> str:
    from mme.cli.main import app

    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, f"mme {shlex.join(words)}: {ran.output}{ran.exception!r}"
    return str(ran.output)


def _aws(service: str, operation: str, *options: str) -> str:
    """Call the operation that the AWS CLI would call, with options that take one value, and `--query`."""
    client = boto3.client(service)  # type: ignore[call-overload]
    method = operation.replace("-", "_")
    names = {xform_name(name, "-"): name for name in _members(client, method)}
    values = dict(zip(options[::2], options[1::2], strict=True))
    query = values.pop("--query", "")
    given: dict[str, Any] = {names[option.removeprefix("--")]: value for option, value in values.items()}
    answer = getattr(client, method)(**given)
    return str(jmespath.search(query, answer) if query else answer)


def _members(client: Any, method: str) -> list[str]:
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    return list(shape.members) if shape else []

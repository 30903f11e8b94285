"""Values of parameters against their patterns."""

from __future__ import annotations

import json
import subprocess

import pytest

from mme_local.aws.cloudformation import parameters
from mme_local.aws.cloudformation.errors import CloudFormationRequestError
from mme_local.aws.cloudformation.template import Template

DECLARED = {"P": {"Type": "String", "AllowedPattern": "a", "Default": "a"}}
TEMPLATE = Template.parse(
    json.dumps({"Parameters": DECLARED, "Resources": {"A": {"Type": "AWS::S3::Bucket"}}})
)


def resolve() -> None:
    parameters.resolve_parameters(TEMPLATE, {}, str)


def ended_by(signal_name: str) -> str:
    return f"import os, signal; os.kill(os.getpid(), signal.{signal_name})"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGXCPU"])
def test_a_pattern_without_cpu_time_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(parameters, "_MATCH", ended_by(name))
    with pytest.raises(CloudFormationRequestError, match="longer than 5 seconds of CPU time to match"):
        resolve()


def test_a_pattern_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "_MATCH", "import signal; signal.pause()")
    monkeypatch.setattr(parameters, "_MATCH_WALL_SECONDS", 0)
    with pytest.raises(CloudFormationRequestError, match="longer than 5 seconds of CPU time to match"):
        resolve()


def test_another_signal_is_no_fault_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "_MATCH", ended_by("SIGTERM"))
    with pytest.raises(subprocess.CalledProcessError, match="SIGTERM"):
        resolve()

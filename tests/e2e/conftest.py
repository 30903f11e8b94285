"""A runtime, the real CDK CLI, and the local environment deployed by it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from mme_local.run_files import RunFile
from tests.mme_local.deployed import a_runtime

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 180

APP = """
import dataclasses, sys
sys.path[:0] = [{root!r}, {root!r} + "/constructs"]
from aws_cdk import App
from stacks.application import build, synthesize
from stacks.environments import ENVIRONMENTS
local = next(environment for environment in ENVIRONMENTS if environment.name == "local")
synthesize(build(App(), (dataclasses.replace(local, **{changes!r}),)))
"""


@dataclass
class Machine:
    """A laptop: a runtime, and commands whose AWS clients all point at it."""

    state: RunFile
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))
        }
        programs = [str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin")]
        return inherited | {
            "PATH": os.pathsep.join([*programs, os.environ.get("PATH", "")]),
            "AWS_ENDPOINT_URL": self.state.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }

    def run(self, *command: str, status: int = 0, folder: Path = ROOT, **variables: str) -> str:
        """Run a command, by default at the repository's root; returns all it prints."""
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def cdk(self, verb: str, *arguments: str, **changes: Any) -> str:
        """A CDK command on the local environment, some of its settings changed."""
        app = self.home / "app.py"
        app.write_text(APP.format(root=str(ROOT), changes=changes))
        output = self.home / "cdk.out"
        command = shlex.join([sys.executable, str(app)])
        return self.run("cdk", verb, "--app", command, "--output", str(output), "--ci", *arguments)

    def client(self, service: str) -> Any:
        """Plain boto3 that knows the URL and nothing else."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.state.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def outputs(self) -> dict[str, str]:
        """Of the serving stack."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName="mme-local-serving")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    assert shutil.which("cdk", path=str(ROOT / "node_modules" / ".bin")), "run make install"
    with a_runtime() as runtime:
        yield Machine(runtime.state, tmp_path_factory.mktemp("cdk"))


@pytest.fixture(scope="module")
def deployed(machine: Machine) -> Machine:
    """The local environment, deployed with its models published."""
    machine.cdk("bootstrap")
    machine.cdk("deploy", "local/*", "--require-approval", "never")
    machine.run("mme", "models", "add", "model_registry")
    return machine

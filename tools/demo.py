"""`make demo`: deploy, publish, call and destroy on embedded AWS with real model servers.

Each step runs the command that a user would run, or the library behind it, and checks the result. The exit
status is 1 if an answer is wrong, a command fails, or a process or file is left over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from mme.errors import MmeError
from mme_local import launcher
from mme_local.containers.mms.installation import MmsInstallation
from mme_local.settings import LocalSettings
from tools.demo_picture import half_blocks, shades
from tools.leftovers import descendants, still_alive

if TYPE_CHECKING:
    from mme.client import MultiModelClient
    from mme_local.run_files import RunFile
    from mme_local.testing.endpoint import LocalEndpoint

ROOT = Path(__file__).parents[1]
ENDPOINT_STACK = "local/*"
LEAST_ACCURACY = 0.9
XGBOOST_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
CHURN_ACCURACY = 0.8
WARM_CALLS = 50
COMMAND_SECONDS = 600
INTRODUCTION = (
    "This demo deploys a multi-model endpoint to embedded AWS on this machine,\n"
    "publishes models, calls them and deletes everything. Each command that it runs\n"
    "is printed after a $: you can run it yourself."
)
console = Console(highlight=False)


class DemoError(Exception):
    """A step failed or gave a wrong result."""


class Steps:
    """Numbered headings in plain text, each with the duration of its step at its end."""

    def __init__(self) -> None:
        self._number = 0
        self._began = time.monotonic()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print the heading of a step, then its duration."""
        self._number += 1
        console.print(f"\n[bold cyan]Step {self._number}: {title}[/]")
        began = time.monotonic()
        yield
        console.print(f"   [dim]step {self._number} took {time.monotonic() - began:.1f} s[/]")

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began


def run(command: Sequence[str], environment: dict[str, str], *, show: bool = True) -> str:
    """Run a command and print it.

    Args:
        command: Program and arguments.
        environment: Its variables.
        show: Print its output too.

    Raises:
        DemoError: The command failed; the message has its output.
    """
    console.print(f"   [green]$[/] {shlex.join(command)}", soft_wrap=True)
    with console.status("   running"):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    if done.returncode:
        raise DemoError(f"{command[0]} {command[1]} ended with status {done.returncode}:\n{done.stdout}")
    if show:
        for line in done.stdout.rstrip().splitlines():
            console.print(Text("   ") + Text.from_ansi(line), soft_wrap=True)
    return done.stdout


def cdk(verb: str, *arguments: str) -> list[str]:
    """Return a CDK command on the synthesized local environment: each synthesis costs seconds.

    Args:
        verb: For example ``deploy``.
        arguments: Appended to the command.
    """
    return ["cdk", verb, "--app", "cdk.out", "--ci", *arguments]


def environment_for(here: RunFile) -> dict[str, str]:
    """Return variables that direct all AWS clients to the runtime and hide real credentials."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return others | {
        "AWS_ENDPOINT_URL": here.url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "MME_ENV": "local",
        "FORCE_COLOR": "1" if console.is_terminal else "",
        "COLUMNS": str(min(console.width, 100) - 4),
    }


def demonstrate() -> None:
    """Run all steps."""
    console.print(INTRODUCTION)
    steps = Steps()
    here: RunFile | None = None
    second: LocalEndpoint | None = None
    processes: list[Any] = []
    left: list[str] = []
    try:
        with steps.step("Start embedded AWS and Triton on one localhost port"):
            here = launcher.start_detached(LocalSettings(port=0))
            console.print(f"   listening at {here.url} (process {here.pid})")
        environment = environment_for(here)
        os.environ.update(environment)
        deploy(steps, environment)
        publish(steps, environment)
        call(steps, environment)
        second = call_xgboost(steps, environment)
        processes = descendants(here.pid)
        destroy(steps, environment, second)
    finally:
        if here:
            with steps.step("Stop everything"):
                processes = processes or descendants(here.pid)
                launcher.stop(here.port)
                left = still_alive(processes, Path(here.workdir), here.folder)
                console.print(
                    "   no process and no file is left" if not left else f"   [red]left behind: {left}[/]"
                )
    if left:
        raise DemoError(f"left behind: {', '.join(left)}")
    console.print(f"\n[bold green]All answers were right.[/] {steps.seconds:.0f} s in all.")


def deploy(steps: Steps, environment: dict[str, str]) -> None:
    """Bootstrap and deploy with the real CDK CLI."""
    with steps.step("Deploy the local environment with the real CDK CLI"):
        run(["cdk", "synth", "--quiet", "-c", "env=local"], environment, show=False)
        run(cdk("bootstrap"), environment, show=False)
        run(cdk("deploy", ENDPOINT_STACK, "--require-approval", "never"), environment, show=False)
        for name, value in outputs().items():
            console.print(f"   {name} = [bold]{value}[/]")


def outputs() -> dict[str, str]:
    """Return the outputs of the serving stack."""
    import boto3

    stack = boto3.client("cloudformation").describe_stacks(StackName="mme-local-serving")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def publish(steps: Steps, environment: dict[str, str]) -> None:
    """Pack and publish the registry, then one of its models again, which is skipped."""
    with steps.step("Publish model_registry/ to S3"):
        run(["mme", "models", "add", "model_registry"], environment)
        console.print("   and one again: an unchanged model is not published twice")
        run(["mme", "models", "add", "model_registry/add_sub"], environment)
        run(["mme", "models", "list"], environment)


def call(steps: Steps, environment: dict[str, str]) -> None:
    """Call the models and check every answer."""
    import numpy as np

    from mme.client import MultiModelClient

    client = MultiModelClient(outputs()["EndpointName"])
    first: dict[str, float] = {}
    with steps.step("Call add_sub: the model is loaded into Triton by its first call"):
        tensors = "--input INPUT0=1,2,3,4 --input INPUT1=10,20,30,40"
        printed = run(["mme", "invoke", "add_sub_v0.tar.gz", *tensors.split()], environment)
        first["add_sub_v0.tar.gz"] = answered_in(printed)
        generator = np.random.default_rng(0)
        for _ in range(20):
            a, b = generator.standard_normal((2, 4)).astype(np.float32)
            answer = client.infer("add_sub_v0.tar.gz", {"INPUT0": a, "INPUT1": b})
            if not (np.array_equal(answer["OUTPUT0"], a + b) and np.array_equal(answer["OUTPUT1"], a - b)):
                raise DemoError(f"add_sub answered {answer} for {a} and {b}")
        console.print("   20 more calls with random numbers: every sum and difference is right")
    with steps.step("Classify handwritten digits the model has never seen"):
        first["digits_v0.tar.gz"] = classify(client)
    with steps.step("First call against warm calls"):
        for model, seconds in first.items():
            usual = warm(client, model)
            console.print(
                f"   {model:20} first {seconds * 1000:7.1f} ms   warm {usual * 1000:5.1f} ms "
                f"(median of {WARM_CALLS})"
            )


def answered_in(printed: str) -> float:
    """Return the seconds of a call from what `mme invoke` printed.

    Raises:
        DemoError: It printed none.
    """
    found = re.search(r"answered in ([\d.]+) ms", printed)
    if found is None:
        raise DemoError(f"mme invoke printed no duration:\n{printed}")
    return float(found[1]) / 1000


def call_xgboost(steps: Steps, environment: dict[str, str]) -> LocalEndpoint | None:
    """Create a second endpoint by boto3, publish an XGBoost model and call it.

    Args:
        steps: Get a step.
        environment: Variables of commands.

    Returns:
        The endpoint; None if no server for it is installed.
    """
    from mme_local.testing.endpoint import LocalEndpoint

    endpoint = None
    with steps.step("A second endpoint on CPU: XGBoost, on AWS's Multi Model Server"):
        try:
            MmsInstallation.find()
        except MmeError as error:
            console.print(Text(f"   skipped: {error.message}; {error.hint}"), soft_wrap=True)
        else:
            url = environment["AWS_ENDPOINT_URL"]
            endpoint = LocalEndpoint.create(url, variables={}, image=XGBOOST_IMAGE)
            console.print(f"   boto3 created the endpoint [bold]{endpoint.name}[/] of the image")
            console.print(f"   {XGBOOST_IMAGE}", soft_wrap=True)
            mme = ["mme", "--endpoint-name", endpoint.name, "--bucket", endpoint.bucket]
            mme += ["--prefix", endpoint.prefix]
            run([*mme, "models", "add", "model_registry/churn_xgboost"], environment)
            body = "model_registry/churn_xgboost/request.csv"
            run([*mme, "invoke", "churn_xgboost_v0.tar.gz", "--body", body], environment)
            score(endpoint)
        run(
            ["mme", "local", "status", "--port", environment["AWS_ENDPOINT_URL"].rpartition(":")[2]],
            environment,
        )
    return endpoint


def score(endpoint: LocalEndpoint) -> None:
    """Ask for all held-out customers in one request and compare the answers with who left."""
    import numpy as np

    from model_registry import churn_data

    _, rows, _, left = churn_data.split()
    body = "\n".join(",".join(map(str, row)) for row in rows).encode()
    answer = endpoint.invoke("churn_xgboost_v0.tar.gz", body, ContentType="text/csv")
    accuracy = float(((np.array(json.loads(answer)) > 0.5) == left).mean())
    console.print(f"   {len(left)} synthetic customers in one call, [bold]{accuracy:.1%}[/] right")
    if accuracy < CHURN_ACCURACY:
        raise DemoError(f"the accuracy is {accuracy:.3f}")


def classify(client: MultiModelClient) -> float:
    """Classify all held-out digits in batches; return the seconds of the first call."""
    import numpy as np

    from model_registry import digits_data

    images, labels = digits_data.held_out()
    images = np.ascontiguousarray(images, np.float32)
    began = time.perf_counter()
    client.infer("digits_v0.tar.gz", {"image": images[:1]})
    first = time.perf_counter() - began
    predicted = np.concatenate(
        [
            client.infer("digits_v0.tar.gz", {"image": images[at : at + 100]})["label"].ravel()
            for at in range(0, len(images), 100)
        ]
    )
    accuracy = float((predicted == labels).mean())
    console.print(
        f"   {len(labels)} digits, [bold]{accuracy:.1%}[/] right (at least {LEAST_ACCURACY:.0%} is required)"
    )
    if accuracy < LEAST_ACCURACY:
        raise DemoError(f"the accuracy is {accuracy:.3f}")
    chosen = int(np.flatnonzero(predicted == labels)[0])
    picture = (half_blocks if console.color_system else shades)(images[chosen])
    console.print(f"   one of them, which the model reads as {predicted[chosen]}:")
    console.print(Padding(picture, (0, 0, 0, 3)))
    return first


def warm(client: MultiModelClient, model: str) -> float:
    """Return the median seconds of a call to a model in memory."""
    import numpy as np

    inputs = (
        {"image": np.zeros((1, 8, 8), np.float32)}
        if model.startswith("digits")
        else {name: np.zeros(4, np.float32) for name in ("INPUT0", "INPUT1")}
    )
    taken = []
    for _ in range(WARM_CALLS):
        began = time.perf_counter()
        client.infer(model, inputs)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def destroy(steps: Steps, environment: dict[str, str], second: LocalEndpoint | None) -> None:
    """Empty the buckets, which CloudFormation deletes only if they are empty, and destroy everything.

    Args:
        steps: Get a step.
        environment: Variables of commands.
        second: The endpoint that no stack has.
    """
    import boto3

    with steps.step("Destroy the stacks, and delete the second endpoint" if second else "Destroy the stacks"):
        if second:
            second.delete()
        s3 = boto3.resource("s3")
        for bucket in s3.buckets.all():
            if not bucket.name.startswith("cdk-"):
                bucket.object_versions.delete()
        console.print("   the buckets are emptied first, as CloudFormation requires")
        run(cdk("destroy", ENDPOINT_STACK, "--force"), environment, show=False)
        stacks = boto3.client("cloudformation").list_stacks(
            StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"]
        )
        left = [
            stack["StackName"] for stack in stacks["StackSummaries"] if stack["StackName"].startswith("mme-")
        ]
        endpoints = boto3.client("sagemaker").list_endpoints()["Endpoints"]
        if left or endpoints:
            raise DemoError(f"still deployed: {json.dumps(left)} {endpoints}")


def main() -> int:
    """Run the demo; return the exit status."""
    try:
        demonstrate()
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]")
        return 130
    except (DemoError, MmeError, subprocess.TimeoutExpired) as error:
        console.print("[red]error:[/]", Text(str(error)), soft_wrap=True)
        return error.exit_status if isinstance(error, MmeError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

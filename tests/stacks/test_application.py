from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, aws_iam

from mme.errors import MmeError
from mme_cdk import ExecutionRole, PropsError
from stacks.application import build, synthesize
from stacks.environments import ENVIRONMENTS
from tools.security.exceptions import exemptions, without_exemptions
from tools.security.synthesis import queued, templates

ROOT = Path(__file__).parents[2]
BUILT_IN = "CloudFormation Validate"
DEV = next(environment for environment in ENVIRONMENTS if environment.name == "dev")


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_aws_solutions_finds_nothing(assembly) -> None:
    report = json.loads((assembly.folder / "validation-report.json").read_text("utf-8"))
    assert [check for check in report["pluginReports"] if check["violations"]] == []


def test_aws_solutions_runs(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_cdk._internal.acknowledgements._acknowledge_findings", lambda *_: None)
    with pytest.raises(MmeError, match=r"AwsSolutions-IAM5\[Resource::\*\]"):
        synthesize(build(app, (DEV,)))


def test_what_constructs_find_last_is_a_line_each(app: App) -> None:
    stack = Stack(app, "Test")
    for name in ("One", "Two"):
        role = ExecutionRole(stack, name)
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[f"arn:aws:s3:::of-team-{n}/models/*" for n in range(200)]
            )
        )
    # A report of an earlier synthesis has nothing to say.
    report = {"pluginReports": [{"conclusion": "failure", "violations": [{"severity": "error"}]}]}
    (Path(app.outdir) / "validation-report.json").write_text(json.dumps(report), "utf-8")
    with pytest.raises(MmeError) as raised:
        synthesize(app)
    first, *faults = str(raised.value).splitlines()
    assert first == "synthesis found faults:"
    assert [fault.strip().split(" the ")[0] for fault in faults] == ["[Test/One]", "[Test/Two]"]


def test_the_context_names_one_environment(context: dict[str, Any], tmp_path: Path) -> None:
    app = build(App(context={**context, "env": "dev"}, outdir=str(tmp_path)))
    assert [child.node.id for child in app.node.children if child.node.id in {"local", "dev", "prod"}] == [
        "dev"
    ]


def test_an_environment_that_does_not_exist(context: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(MmeError, match=r"'qa' does not exist\nchoose one of local, dev, staging, prod"):
        build(App(context={**context, "env": "qa"}, outdir=str(tmp_path)))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"min_instances": 5}, r"dev/Serving/.*: min_capacity 5 is above max_capacity 2"),
        (
            {"instance_type": "ml.m5.huge"},
            r"ml\.m5\.huge is not a SageMaker hosting .*: did you mean ml\.m5\.",
        ),
        ({"instance_type": "ml.g5.xlarge"}, r"ml\.g5\.xlarge is a GPU type; .*: use the GPU build"),
        ({"models_prefix": "models"}, r"prefix models has no trailing slash: use models/"),
        ({"instance_count": 0}, r"initial_instance_count is 0; must be at least 1"),
        ({"region": "us-gov-west-1"}, r"no Triton Inference Server image in us-gov-west-1"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], fault: str, app: App) -> None:
    with pytest.raises(PropsError, match=fault):
        build(app, (replace(DEV, **settings),))


@pytest.mark.slow
def test_a_finding_stops_a_quiet_synthesis(tmp_path: Path) -> None:
    script = (
        "import sys, mme_cdk._internal.acknowledgements as a; a._acknowledge_findings = lambda *_: None; "
        "import app; sys.exit(app.main())"
    )
    # As the CDK CLI starts an app: with a setting not to fail.
    flags = {"env": "dev", "@aws-cdk/core:failSynthOnValidationErrors": False}
    done = run(
        [sys.executable, "-c", script],
        CDK_OUTDIR=str(tmp_path),
        CDK_CONTEXT_JSON=json.dumps(flags),
    )
    assert done.returncode == 2, done.stderr
    assert "error: synthesis found faults" in done.stderr
    assert "AwsSolutions-IAM5[Resource::*]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_wrong_environment_is_one_error(tmp_path: Path) -> None:
    done = run([sys.executable, "app.py"], CDK_OUTDIR=str(tmp_path), CDK_CONTEXT_JSON='{"env": "qa"}')
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: environment 'qa' does not exist",
        "choose one of local, dev, staging, prod",
    ]


def test_no_other_test_pays_for_the_built_in_validation(app: App) -> None:
    # It refuses a stack with nothing in it.
    Stack(app, "Empty")
    app.synth()
    report = Path(app.outdir) / "validation-report.json"
    assert not report.exists() or BUILT_IN not in report.read_text("utf-8")


@pytest.mark.slow
def test_the_cdk_cli_synthesizes_every_environment(tmp_path: Path) -> None:
    """With CDK's own validation of templates, which the other tests leave out."""
    cli = ROOT / "node_modules" / ".bin" / "cdk"
    assert cli.exists(), "the CDK CLI is not installed: run make install"
    synth = [str(cli), "synth", "--quiet", "--strict", "--output", str(tmp_path / "out")]
    done = run(synth, CDK_VALIDATION="true")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "validation-report.json").read_text("utf-8"))
    assert [check["pluginName"] for check in report["pluginReports"] if check["violations"]] == []
    assert len(list((tmp_path / "out").glob("assembly-*/*.template.json"))) == 2 * len(ENVIRONMENTS)


@pytest.mark.slow
def test_the_cdk_cli_lists_one_environment_alone(tmp_path: Path) -> None:
    cli = ROOT / "node_modules" / ".bin" / "cdk"
    done = run([str(cli), "list", "-c", "env=dev", "--output", str(tmp_path / "out")])
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["dev/ModelStore", "dev/Serving"]


@pytest.mark.slow
def test_cfn_lint(assembly, tmp_path: Path) -> None:
    cfn_lint = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert cfn_lint is not None
    # Its exceptions are in the templates, with their reasons.
    done = run([cfn_lint, "--", *map(str, [*assembly.files, *templates(tmp_path, (queued(),))])])
    assert done.returncode == 0, done.stdout
    assert len(assembly.files) == 2 * len(ENVIRONMENTS)


@pytest.mark.nightly
def test_every_cfn_lint_exception_is_needed(assembly, tmp_path: Path) -> None:
    files = [*assembly.files, *templates(tmp_path / "queue", (queued(),))]
    told: set[tuple[str, str, str]] = set()
    for one in exemptions(files):
        if one.tool == "cfn-lint":
            assert one.reason.strip(), one
            told.add((one.template, one.check, one.resource))
    for file in files:
        bare = without_exemptions(json.loads(file.read_text("utf-8")))
        (tmp_path / file.name).write_text(json.dumps(bare), "utf-8")
    done = run(["cfn-lint", "--format", "json", "--", *map(str, tmp_path.glob("*.json"))])
    found = {
        (
            Path(one["Filename"]).name.removesuffix(".template.json"),
            one["Rule"]["Id"],
            # An output holds no metadata, so its template's speaks for it.
            one["Location"]["Path"][1] if one["Location"]["Path"][0] == "Resources" else "",
        )
        for one in json.loads(done.stdout)
    }
    assert found == told

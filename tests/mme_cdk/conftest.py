from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks
from syrupy.extensions.json import JSONSnapshotExtension
from syrupy.location import PyTestLocation

from mme_cdk import ModelBucket, ModelStore


@pytest.fixture
def context() -> dict[str, Any]:
    """The feature flags under which this repository's own app is synthesized."""
    content: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cdk.json").read_text("utf-8"))
    return dict(content["context"])


@pytest.fixture
def app(context: dict[str, Any], tmp_path: Path) -> App:
    return App(
        context=context,
        outdir=str(tmp_path / "out"),
        analytics_reporting=False,
    )


@pytest.fixture(scope="session")
def probe_app() -> App:
    """One app for all probes, which never synthesize it: an app costs more than most that is in it."""
    return App(analytics_reporting=False)


@pytest.fixture
def probe_stack(probe_app: App) -> Stack:
    """A new stack in the app of all probes."""
    return Stack(probe_app, f"Probe{len(probe_app.node.children)}")


@pytest.fixture
def stack(app: App) -> Stack:
    """A stack whose account and region are not known at synth."""
    return Stack(app, "Test")


@pytest.fixture
def placed(app: App) -> Stack:
    """A stack of a known account and region."""
    return Stack(app, "Placed", env=Environment(account="111122223333", region="eu-west-1"))


@pytest.fixture
def models(stack: Stack) -> ModelStore:
    return ModelStore.from_bucket(ModelBucket(stack, "Models", access_logs=False))


class SnapshotFile(JSONSnapshotExtension):
    """`snapshots/MODULE/TEST.json`."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        file = Path(test_location.filepath)
        return str(file.parents[1] / "snapshots" / file.stem)


class Synthesized:
    """A template with short ways to what is in it, and the warnings of its constructs by path."""

    def __init__(self, template: dict[str, Any], warnings: dict[str, list[str]] | None = None) -> None:
        self.template = template
        self.warnings = warnings or {}

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every resource of a type, whole."""
        return [found for found in self.template.get("Resources", {}).values() if found["Type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """The properties of the only resource of a type."""
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} of {kind}"
        properties: dict[str, Any] = found[0]["Properties"]
        return properties

    def id_of(self, kind: str) -> str:
        """The logical id of the only resource of a type."""
        (id,) = [id for id, found in self.template["Resources"].items() if found["Type"] == kind]
        return str(id)

    def statements(self) -> list[dict[str, Any]]:
        """The statements of every policy of a role, an endpoint's own managed one or an inline one."""
        return [
            statement
            for policy in (*self.all("AWS::IAM::ManagedPolicy"), *self.all("AWS::IAM::Policy"))
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    def allowing(self, action: str) -> list[dict[str, Any]]:
        """The statements that name an action."""

        def actions(statement: dict[str, Any]) -> list[str]:
            named: str | list[str] = statement["Action"]
            return [named] if isinstance(named, str) else named

        return [statement for statement in self.statements() if action in actions(statement)]


def synthesize_probes(app: App, probes: Mapping[str, Callable[[Stack], object]]) -> dict[str, Synthesized]:
    """Call each probe with a stack of its own in one app, and synthesize them all at once."""
    # Ids that don't change if another probe is added.
    stacks = {name: Stack(app, f"Probe{crc32(name.encode()):08x}") for name in probes}
    for name, probe in probes.items():
        probe(stacks[name])
    folder = Path(app.synth().directory)
    return {name: _read(folder, stack.artifact_id) for name, stack in stacks.items()}


def _read(folder: Path, artifact: str) -> Synthesized:
    metadata = folder / f"{artifact}.metadata.json"
    notes = json.loads(metadata.read_text("utf-8")) if metadata.exists() else {}
    warnings = {
        path: [note["data"] for note in found if note["type"] == "aws:cdk:warning"]
        for path, found in notes.items()
    }
    template = json.loads((folder / f"{artifact}.template.json").read_text("utf-8"))
    return Synthesized(template, {path: found for path, found in warnings.items() if found})


@pytest.fixture
def synth() -> Callable[[Stack], Synthesized]:
    return lambda stack: Synthesized(Template.from_stack(stack).to_json())


def unacknowledged(app: App) -> list[str]:
    """Synthesize the app under AwsSolutions; the ids of unacknowledged findings."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:
        # Outside the CDK CLI a finding raises; the report is written all the same.
        if "ValidationFailed" not in str(error):
            raise
    report = Path(app.outdir) / "validation-report.json"
    if not report.exists():
        return []
    checks = json.loads(report.read_text("utf-8"))["pluginReports"]
    return [
        finding["ruleName"]
        for check in checks
        if check["pluginName"] == "AwsSolutions"
        for finding in check["violations"]
    ]


@pytest.fixture
def findings(app: App) -> Callable[[], list[str]]:
    return lambda: unacknowledged(app)


@pytest.fixture
def findings_of() -> Callable[[App], list[str]]:
    return unacknowledged

"""Templates, cloud assemblies and an account with given resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mme.aws.settings import Settings
from mme.operate.endpoint_state import EndpointState, VariantState
from mme.operate.preflight import PreflightReport, inspect
from mme.operate.preflight.quota_checks import QuotaRoom
from mme.operate.stacks import StackState
from tools.sample_deployment import serving_template

ACCOUNT = "123456789012"
Document = dict[str, Any]


def _document(
    *,
    type: Any = "ml.m5.xlarge",
    count: Any = 2,
    name: Any = "mme-dev",
    scaled: bool = True,
    keeps_counts: bool = True,
    bucket: Any = "models",
    prefix: str = "models/",
    strategy: Document | None = None,
    variant: str = "AllTraffic",
    endpoint: str = "Endpoint",
    image: str = "image:1",
    **resources: Any,
) -> Document:
    template = serving_template(
        bucket=bucket, instance_type=type, image=image, prefix=prefix, scaling=False, **resources
    )
    found: Document = json.loads(template)["Resources"]
    (plan,) = found["Config"]["Properties"]["ProductionVariants"]
    plan |= {"VariantName": variant, "InitialInstanceCount": count}
    found[endpoint] = found.pop("Endpoint")
    properties = found[endpoint]["Properties"]
    properties |= {"EndpointName": name, "RetainAllVariantProperties": keeps_counts}
    if strategy:
        properties["DeploymentConfig"] = strategy
    if name is None:
        del properties["EndpointName"]
    if scaled:
        found["Target"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"ResourceId": f"endpoint/{name}/variant/{variant}"},
        }
    return {"Resources": found}


class Cloud:
    """A fake of `Account`."""

    region = "eu-west-1"

    def __init__(self) -> None:
        self.account = ACCOUNT
        self.stacks: dict[str, tuple[StackState, Document | None]] = {}
        self.endpoints: dict[str, EndpointState] = {}
        self.scaled: frozenset[str] = frozenset()
        self.configs: dict[str, dict[str, str]] = {}
        self.names: dict[str, str] = {}
        self.log_groups: set[str] = set()
        self.room: dict[str, QuotaRoom] = {}

    def deployed(self, name: str, template: Document | None, **more: Any) -> None:
        facts: Any = {"status": "UPDATE_COMPLETE", "parameters": {}, **more}
        arn = f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{name}/1"
        self.stacks[name] = StackState(name, arn, protected=False, outputs={}, **facts), template

    def runs(
        self,
        name: str = "mme-dev",
        *,
        type: str = "ml.m5.xlarge",
        count: int = 2,
        registered: bool = True,
        variant: str = "AllTraffic",
        status: str = "InService",
        failure: str = "",
        config_deleted: bool = False,
    ) -> None:
        live = VariantState(variant, type, count, count, "model", ())
        now = datetime.now(UTC)
        self.endpoints[name] = EndpointState(
            name, "arn", status, "config", failure, now, (live,), None, config_deleted
        )
        self.scaled = frozenset({variant} if registered else ())

    def id(self) -> str:
        return self.account

    def stack(self, name: str) -> StackState | None:
        return self.stacks[name][0] if name in self.stacks else None

    def template(self, stack: str) -> Document | None:
        return self.stacks[stack][1]

    def endpoint(self, name: str) -> EndpointState | None:
        return self.endpoints.get(name)

    def registered(self, endpoint: EndpointState) -> frozenset[str]:
        return self.scaled

    def has_log_group(self, name: str) -> bool:
        return name in self.log_groups

    def quota_room(self, endpoint: str, instance_types: Collection[str]) -> dict[str, QuotaRoom]:
        return {kind: self.room[kind] for kind in instance_types if kind in self.room}

    def instance_types(self, config_name: str) -> dict[str, str]:
        return self.configs.get(config_name, {})

    def physical_name(self, stack: str, logical_id: str) -> str:
        return self.names[logical_id]


@pytest.fixture
def document() -> Callable[..., Document]:
    """A template of one endpoint; further resources by keyword."""
    return _document


@pytest.fixture
def account() -> Cloud:
    return Cloud()


@pytest.fixture
def assembly(tmp_path: Path) -> Callable[..., Path]:
    """Writes a cloud assembly with one stage: `assembly(serving, store, place="aws://1/eu-west-1")`."""

    def write(
        serving: Document,
        store: Document | None = None,
        *,
        place: str = "aws://unknown-account/unknown-region",
    ) -> Path:
        root = tmp_path / "cdk.out"
        stage = root / "assembly-dev"
        stage.mkdir(parents=True, exist_ok=True)
        nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-dev"}}
        (root / "manifest.json").write_text(json.dumps({"artifacts": {"assembly-dev": nested}}))
        artifacts: Document = {"assets": {"type": "cdk:asset-manifest", "properties": {"file": "x.json"}}}
        for id, path, template in (
            ("devStore", "dev/Store", store or {"Resources": {}}),
            ("devServing", "dev/Serving", serving),
        ):
            (stage / f"{id}.template.json").write_text(json.dumps(template))
            artifacts[id] = {
                "type": "aws:cloudformation:stack",
                "environment": place,
                "properties": {
                    "templateFile": f"{id}.template.json",
                    "stackName": path.lower().replace("/", "-").replace("dev", "mme-dev"),
                },
                "displayName": path,
                "dependencies": ["assets", *(["devStore"] if id == "devServing" else [])],
            }
        (stage / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        return root

    return write


@pytest.fixture
def check(account: Cloud, assembly: Callable[..., Path]) -> Callable[..., PreflightReport]:
    """Preflight of environment dev: `check(before, after)`; `before` is deployed unless it is None."""

    def compare(before: Document | None, after: Document, **more: Any) -> PreflightReport:
        if before is not None:
            account.deployed("mme-dev-serving", before)
            account.deployed("mme-dev-store", {"Resources": {}})
        if before is not None and not account.endpoints:
            account.runs()
        return inspect(Settings(env="dev"), assembly(after), lambda *_: account, **more)  # type: ignore[arg-type, return-value]

    return compare

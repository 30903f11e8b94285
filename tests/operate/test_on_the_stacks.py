"""The verbs on the templates that `stacks` synthesizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mme.aws.clients import AwsClients
from mme.findings import Severity
from mme.operate.cleanup import Choice, clean, plan_clean
from mme.operate.discovery import discover
from mme.operate.doctor import examine
from mme.operate.status import read_status
from tools.sample_deployment import deploy

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
STACKS = {"ModelStore": "mme-local-model-store", "Serving": "mme-local-serving"}


def client_of(clients: AwsClients, service: str) -> Any:
    """A client of a service that operating takes none of."""
    make: Any = clients.session.client
    return make(service, endpoint_url=clients.settings.aws_url)


@pytest.fixture
def deployed(clients: AwsClients) -> AwsClients:
    # What `cdk bootstrap` leaves, and each template asks for.
    ssm = client_of(clients, "ssm")
    ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    for part, stack in STACKS.items():
        deploy(clients, (SNAPSHOTS / f"local-{part}.json").read_text(), stack)
    return clients


class Silent:
    """Hears everything and says nothing."""

    def began(self, what: str, total: int | None) -> None:
        pass

    def advanced(self, count: int, total: int = 0) -> None:
        pass

    def finished(self, what: str, findings: object = None) -> None:
        pass


def test_status_and_doctor_find_nothing_wrong(deployed: AwsClients) -> None:
    def find():
        return discover(deployed.cloudformation, STACKS["Serving"], "local")

    status = read_status(deployed, find())
    assert (status.faults, status.unread) == ((), ())
    assert status.stack is not None
    assert status.stack.config == status.endpoint.config
    assert status.scaling[0].maximum >= status.scaling[0].minimum
    found = examine(deployed, find, Silent(), most_archives=0)
    assert [one for one in found if one.severity is Severity.ERROR] == []
    assert [one.severity for one in found if one.code == "role"] == [Severity.OK]


def test_clean_leaves_an_empty_account(deployed: AwsClients) -> None:
    deployment = discover(deployed.cloudformation, STACKS["Serving"], "local")
    deployed.s3.put_object(Bucket=deployment.bucket, Key=f"{deployment.prefix}a_v0.tar.gz", Body=b"x")
    plan = plan_clean(deployed, deployment, Choice(models=True, store=True))
    assert plan.store is not None
    assert plan.store.name == STACKS["ModelStore"]
    clean(deployed, plan, Silent(), lambda: pytest.fail("the embedded AWS deletes at once"))
    assert deployed.sagemaker.list_endpoints()["Endpoints"] == []
    assert deployed.s3.list_buckets()["Buckets"] == []
    left = deployed.cloudformation.describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in left if stack["StackStatus"] != "DELETE_COMPLETE"] == []

"""Deployments for the doctor to examine, and its findings."""

from __future__ import annotations

from typing import Any

import pytest

from mme.aws.clients import AwsClients
from mme.findings import Finding, Severity
from mme.operate.doctor.context import DoctorContext
from mme.operate.endpoint_state import read_endpoint
from tests.operate.deployment import DEPLOYMENT, deny
from tools.sample_deployment import BUCKET, ENDPOINT, deploy, secure_bucket, serving_template


def deployed(clients: AwsClients, **changes: Any) -> DoctorContext:
    """A deployment with its role and one model."""
    if BUCKET not in {bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]}:
        clients.s3.create_bucket(Bucket=BUCKET)
        secure_bucket(clients, BUCKET)
        clients.s3.put_object(Bucket=BUCKET, Key="models/a_v0.tar.gz", Body=b"")
    deploy(clients, serving_template(**changes))
    # The embedded IAM has no simulation and answers 500.
    deny(clients.iam, "SimulatePrincipalPolicy")
    endpoint = read_endpoint(clients.sagemaker, ENDPOINT)
    model = clients.sagemaker.describe_model(ModelName=endpoint.variants[0].model)
    return DoctorContext(clients, DEPLOYMENT, endpoint, model["ExecutionRoleArn"], local=False)


def messages(findings: list[Finding], severity: Severity) -> list[str]:
    return [one.message for one in findings if one.severity is severity]


@pytest.fixture
def context(clients: AwsClients) -> DoctorContext:
    return deployed(clients)

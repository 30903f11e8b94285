"""Deployments for the doctor to examine."""

from __future__ import annotations

import pytest

from mme.aws.clients import AwsClients
from mme.operate.doctor.context import DoctorContext
from tests.operate.doctor.deployed import deployed


@pytest.fixture
def context(clients: AwsClients) -> DoctorContext:
    return deployed(clients)

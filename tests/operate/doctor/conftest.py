"""Whom the doctor sees."""

from __future__ import annotations

import pytest

from mme.aws.clients import AwsClients
from mme.operate.doctor.finding import Patient
from tests.operate.doctor.patients import admitted


@pytest.fixture
def patient(clients: AwsClients) -> Patient:
    return admitted(clients)

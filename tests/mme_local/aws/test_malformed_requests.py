"""Which errors of moto are the request's fault."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from mme_local.aws.constraints import mistyped, request_shape
from mme_local.aws.malformed_requests import refuse_in


class S3(Flask):
    service = "s3"


@pytest.mark.parametrize(
    ("query", "error"), [("max-keys=5", ValueError("x")), ("continuation-token=t", TypeError("x"))]
)
def test_another_error_is_not_a_fault_of_an_argument(query: str, error: Exception) -> None:
    def fail() -> str:
        raise error

    application = S3(__name__)
    application.add_url_rule("/", view_func=fail)
    application.testing = True
    with pytest.raises(type(error), match="x"):
        refuse_in(application).test_client().get(f"/?{query}")


@pytest.mark.parametrize(
    ("operation", "body", "place"),
    [
        ("ListEndpoints", {"MaxResults": True}, "MaxResults"),
        ("ListEndpoints", {"MaxResults": 1}, None),
        ("CreateModel", {"EnableNetworkIsolation": True}, None),
    ],
)
def test_a_truth_value_is_no_number(operation: str, body: dict[str, Any], place: str | None) -> None:
    assert mistyped(body, request_shape("sagemaker", operation)) == place

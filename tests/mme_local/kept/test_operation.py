from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_local.kept import operation


def environ(body: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": io.BytesIO(body), **more}


FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (environ(HTTP_X_AMZ_TARGET="SageMaker.CreateEndpoint"), "CreateEndpoint"),
        (environ(HTTP_X_AMZ_TARGET="AmazonSQS.ReceiveMessage"), "ReceiveMessage"),
        (environ(b"Action=DescribeStacks&Version=2010-05-15", **FORM), "DescribeStacks"),
        (environ(QUERY_STRING="Action=ListUsers&Version=1"), "ListUsers"),
        (
            environ(PATH_INFO="/service/GraniteServiceVersion20100801/operation/PutMetricData"),
            "PutMetricData",
        ),
        (environ(b"Action=DescribeStacks"), None),
        (environ(PATH_INFO="/bucket/service/operation"), None),
    ],
)
def test_the_name_in_each_protocol(request_: dict[str, Any], name: str | None) -> None:
    assert operation.name_of(request_) == name


@given(body=st.binary(max_size=5000))
def test_a_body_is_left_as_it_was(body: bytes) -> None:
    request = environ(body, **FORM)
    operation.name_of(request)
    assert request["wsgi.input"].read() == body


@pytest.mark.parametrize(
    ("method", "name", "does"),
    [
        ("POST", "CreateEndpoint", True),
        ("POST", "ExecuteChangeSet", True),
        ("POST", "AssumeRole", True),
        ("POST", "GetSessionToken", True),
        ("POST", "SendMessage", True),
        ("POST", "DeleteMessage", True),
        ("POST", "NobodyKnows", True),
        ("POST", "CheckoutLicense", True),
        ("POST", "Listen", True),
        ("GET", "DeleteStack", True),
        ("POST", "DescribeStacks", False),
        ("POST", "ListModels", False),
        ("POST", "GetMetricData", False),
        ("POST", "PutMetricData", False),
        ("POST", "PutLogEvents", False),
        ("POST", "ReceiveMessage", False),
        ("PUT", None, True),
        ("POST", None, True),
        ("DELETE", None, True),
        ("GET", None, False),
        ("HEAD", None, False),
    ],
)
def test_what_changes_something_that_is_kept(method: str, name: str | None, does: bool) -> None:
    assert operation.changes(method, name) is does


def test_only_long_polls_wait() -> None:
    assert operation.waits("ReceiveMessage")
    assert not operation.waits("SendMessage")
    assert not operation.waits(None)

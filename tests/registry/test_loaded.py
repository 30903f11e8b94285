"""Loaded models are known for the local endpoint, and unknown elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from mme.registry.loaded import loaded_models

STATUS = {
    "endpoints": [
        {
            "name": "mme-local",
            "instances": [
                {
                    "models": [
                        {"name": "a_v0.tar.gz", "state": "ready"},
                        {"name": "b_v0.tar.gz", "state": "loading"},
                    ]
                },
                {"models": [{"name": "c_v0.tar.gz", "state": "ready"}]},
            ],
        }
    ]
}


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    body = request.param
    server = make_server("127.0.0.1", 0, Request.application(lambda _: Response(body)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("url", [json.dumps(STATUS)], indirect=True)
def test_local_endpoint(url: str) -> None:
    assert loaded_models(url, "mme-local") == {"a_v0.tar.gz", "c_v0.tar.gz"}
    assert loaded_models(url, "other") is None


@pytest.mark.parametrize("url", ["<html>", "[]", '{"endpoints": 1}'], indirect=True)
def test_other_servers(url: str) -> None:
    assert loaded_models(url, "mme-local") is None


def test_no_server() -> None:
    assert loaded_models(None, "x") is None
    assert loaded_models("http://localhost:9", "x") is None

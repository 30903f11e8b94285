"""Which models there are to have faults: those of endpoints that are deployed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mme_local.aws.control_plane import ObjectMissing
from mme_local.faults import models
from mme_local.faults.models import EndpointModels

OBJECTS = {("new", "models/a.tar.gz"), ("far", "p/b.tar.gz"), ("single", "models/c.tar.gz")}


class Plane:
    """Serves one endpoint, of another region."""

    def __init__(self) -> None:
        self.unloaded: list[str] = []

    def describe(self) -> list[dict[str, object]]:
        return [{"models": "s3://far/p/"}]

    async def unload_idle(self, model: str) -> None:
        self.unloaded.append(model)


def an_endpoint(mode: str, url: str) -> Any:
    container = SimpleNamespace(mode=mode, model_data_url=url)
    return SimpleNamespace(variants=(SimpleNamespace(containers=(container,)),))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> EndpointModels:
    def head(bucket: str, key: str) -> object:
        if (bucket, key) not in OBJECTS:
            raise ObjectMissing(bucket, key)
        return object()

    deployed = [
        an_endpoint("MultiModel", "s3://new/models/"),
        an_endpoint("SingleModel", "s3://single/models/"),
    ]
    monkeypatch.setattr(models, "list_endpoints", lambda: deployed)
    monkeypatch.setattr(models, "head_object", head)
    return EndpointModels(Plane())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "there"),
    [
        ("a.tar.gz", True),  # of an endpoint that is not served yet
        ("b.tar.gz", True),  # of one in another region
        ("c.tar.gz", False),  # of one that takes no target model
        ("d.tar.gz", False),
    ],
)
def test_a_model_is_there_where_a_multi_model_endpoint_has_it(
    found: EndpointModels, model: str, there: bool
) -> None:
    assert found.published(model) is there


def test_idle_models_leave_by_the_data_plane() -> None:
    plane = Plane()
    asyncio.run(EndpointModels(plane).unload_idle("a"))  # type: ignore[arg-type]
    assert plane.unloaded == ["a"]

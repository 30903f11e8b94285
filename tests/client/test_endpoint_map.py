"""Models spread over endpoints: stable, balanced, and moved as little as possible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mme.client import EndpointMap, MultiEndpointClient
from mme.errors import MmeError

MODELS = [f"tenant-{number}/churn_v{number % 3}.tar.gz" for number in range(2000)]


def test_the_map_is_the_same_in_every_process() -> None:
    found = EndpointMap.numbered("mme-prod", 4)
    assert found.endpoints == ("mme-prod-0", "mme-prod-1", "mme-prod-2", "mme-prod-3")
    places = [found.endpoint_of(model) for model in MODELS[:5]]
    assert places == ["mme-prod-2", "mme-prod-0", "mme-prod-0", "mme-prod-2", "mme-prod-0"]


def test_versions_and_aliases_of_a_model_are_together() -> None:
    found = EndpointMap.numbered("e", 7)
    same = {found.endpoint_of(one) for one in ("a/b_v0.tar.gz", "a/b_v12.tar.gz", "a/b@prod", "a/b")}
    assert len(same) == 1


def test_a_new_endpoint_takes_its_share_and_moves_no_other_model() -> None:
    before, after = EndpointMap.numbered("e", 4), EndpointMap.numbered("e", 5)
    moved = [one for one in MODELS if before.endpoint_of(one) != after.endpoint_of(one)]
    assert {after.endpoint_of(one) for one in moved} == {"e-4"}
    assert len(moved) == pytest.approx(len(MODELS) / 5, rel=0.15)
    assert max(map(len, after.split(MODELS).values())) < len(MODELS) / 5 * 1.2


def test_the_file_is_read_back(tmp_path: Path) -> None:
    found = EndpointMap.numbered("e", 3)
    found.write(tmp_path / "map.json", MODELS, dict.fromkeys(MODELS, 10))
    assert EndpointMap.read(tmp_path / "map.json") == found
    content = json.loads((tmp_path / "map.json").read_text())
    assert sum(one["memory_bytes"] for one in content["endpoints"]) == 10 * len(MODELS)
    assert sorted(model for one in content["endpoints"] for model in one["models"]) == sorted(MODELS)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "x"}', '{"format": "mme-endpoint-map-1"}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(MmeError, match=r"map.json is not a map of endpoints"):
        EndpointMap.read(tmp_path / "map.json")


def test_a_call_goes_to_the_endpoint_of_its_model() -> None:
    made: list[str] = []

    class Client:
        def __init__(self, endpoint: str) -> None:
            made.append(endpoint)
            self.endpoint = endpoint

        def invoke(self, model: str, body: bytes, **_: Any) -> str:
            return f"{self.endpoint} {model} {body.decode()}"

    endpoints = EndpointMap.numbered("e", 3)
    client = MultiEndpointClient(endpoints, Client)  # type: ignore[arg-type]
    for model in MODELS[:50]:
        assert client.invoke(model, b"x") == f"{endpoints.endpoint_of(model)} {model} x"
    assert sorted(made) == ["e-0", "e-1", "e-2"]

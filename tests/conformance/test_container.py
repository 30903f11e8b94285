"""The contract between SageMaker and its container, tested on the servers themselves.

What Triton's own tests of its SageMaker port check: triton-inference-server/server, ``qa/L0_sagemaker``.
The Multi Model Server is asked the same without the local endpoint's part, which reports failed loads.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance import models
from tests.conformance.case import DIRECT, LAYOUT, SETTING, VARIABLES, Triton, case
from tests.conformance.local_runtime import TARGET_MODEL, Container, LocalRuntime, Reply, send_chunks
from tests.conformance.target import MMS, Target, request

CONFINED = Triton("2.67.0", "26.03")  # server pull requests 8659 and 8686
CAPPED = Triton("2.69.0", "26.05")  # 8770
GUARDED = Triton("2.71.0", "26.07")  # 8833
MOST_CHUNKS = 65_536
AT_CALL = "the load answers 200, and each call the failure; the local endpoint makes it the load's answer"
FOLDER = "by the path of its load instead of that folder's parent"
SECRET = {"X-Conformance": "secret"}
_numbers = itertools.count()


@dataclass(frozen=True)
class Unpacked:
    """A model as SageMaker unpacks it: in ``models/<hash>/model``."""

    name: str
    path: Path


@pytest.fixture(scope="session")
def unpack(container: Container) -> Callable[[models.Files], Unpacked]:
    folder = container.root / "conformance" / "models"

    def make(files: models.Files) -> Unpacked:
        name = f"{next(_numbers):032x}"
        for file, content in files.items():
            path = folder / name / "model" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Unpacked(name, folder / name / "model")

    return make


@pytest.fixture(scope="module")
def loaded(container: Container, unpack: Callable[[models.Files], Unpacked]) -> Unpacked:
    """A model whose TargetModel is not its opaque name, as on SageMaker."""
    model = unpack(container.models.times(2))
    reply = container.load(model.name, model.path, "tenant-a/loaded_v0.tar.gz")
    assert reply.status == 200, reply.body
    return model


ASK = request(X=("FP32", [4]))


@case("it is alive: /ping answers 200", local_only=DIRECT)
def test_ping(container: Container) -> None:
    assert container.ask("GET", "/ping").status == 200


@case("a load answers 200 without a body, a second model's too", local_only=DIRECT, mms="with JSON")
def test_load(container: Container, loaded: Unpacked, unpack: Callable[[models.Files], Unpacked]) -> None:
    other = unpack(container.models.times(3))
    reply = container.load(other.name, other.path)
    assert reply.status == 200
    assert reply.json if container.kind == MMS else not reply.body
    assert container.ask("GET", f"/models/{loaded.name}").status == 200


@case("a second load of the same model answers 409", local_only=DIRECT)
def test_load_again(container: Container, loaded: Unpacked) -> None:
    assert container.load(loaded.name, loaded.path, "tenant-a/loaded_v0.tar.gz").status == 409


@case("a load of the same files under another name answers 409", local_only=DIRECT, mms="with 200: it loads")
def test_load_under_another_name(container: Container, loaded: Unpacked) -> None:
    reply = container.load("abc", loaded.path, "tenant-a/loaded_v0.tar.gz")
    assert reply.status == (200 if container.kind == MMS else 409)
    if reply.status == 200:
        assert container.ask("DELETE", "/models/abc").status == 200


def url(container: Container, model: Unpacked) -> str:
    """The folder of a model, as the container names it."""
    return str(model.path if container.kind == MMS else model.path.parent)


def failed(container: Container, model: Unpacked) -> Reply:
    """The answer with a failure: Triton's to the load, the Multi Model Server's to a call."""
    reply = container.load(model.name, model.path)
    if container.kind == MMS:
        assert reply.status == 200
        reply = container.invoke(model.name, ASK)
    return reply


@case("a load that is short of memory answers 507", local_only=DIRECT, mms=AT_CALL)
def test_load_short_of_memory(container: Container, unpack: Callable[[models.Files], Unpacked]) -> None:
    reply = failed(container, unpack(container.models.ALWAYS_SHORT))
    assert reply.status == 507
    assert models.OUT_OF_MEMORY in reply.body.decode()


@case(
    "a load that fails otherwise answers 400 with the reason", local_only=DIRECT, mms=f"{AT_CALL}, with 500"
)
def test_load_fails(container: Container, unpack: Callable[[models.Files], Unpacked]) -> None:
    reply = failed(container, unpack(container.models.UNLOADABLE))
    assert reply.status == container.models.FAILED
    assert "the weights are missing" in reply.body.decode()


@case(
    "the list has every model whose opaque name is its TargetModel",
    local_only=DIRECT,
    mms=f"the list has every model, {FOLDER}",
)
def test_list(container: Container, unpack: Callable[[models.Files], Unpacked]) -> None:
    model = unpack(container.models.times(4))
    assert container.load(model.name, model.path).status == 200
    listed = container.ask("GET", "/models").json["models"]
    assert {"modelName": model.name, "modelUrl": url(container, model)} in listed


@case("a model's opaque name leads to its folder", local_only=DIRECT, mms=f"{FOLDER}, and with its workers")
def test_get(container: Container, loaded: Unpacked) -> None:
    found = container.ask("GET", f"/models/{loaded.name}").json
    if container.kind == MMS:
        found = {name: found[name] for name in ("modelName", "modelUrl")}
    assert found == {"modelName": loaded.name, "modelUrl": url(container, loaded)}


@case("a call by the opaque name and the TargetModel is answered", local_only=DIRECT)
def test_invoke(container: Container, loaded: Unpacked) -> None:
    reply = container.invoke(loaded.name, ASK, {TARGET_MODEL: "tenant-a/loaded_v0.tar.gz"})
    assert reply.status == 200, reply.body
    assert reply.json["outputs"][0]["data"] == [8]


@case("an unloaded model is gone, and can be loaded again", local_only=DIRECT)
def test_unload(container: Container, unpack: Callable[[models.Files], Unpacked]) -> None:
    model = unpack(container.models.times(5))
    assert container.load(model.name, model.path).status == 200
    # As SageMaker does, which loads for a request: Triton 2.51 may end if it unloads within 1 ms of the load.
    assert container.invoke(model.name, ASK).status == 200
    assert container.ask("DELETE", f"/models/{model.name}").status == 200
    assert container.ask("GET", f"/models/{model.name}").status == 404
    assert container.invoke(model.name, ASK).status == 404
    assert container.load(model.name, model.path).status == 200
    assert container.invoke(model.name, ASK).json["outputs"][0]["data"] == [20]


@case("a model that is not loaded can't be found, called or unloaded: 404", local_only=DIRECT)
def test_not_loaded(container: Container) -> None:
    assert container.ask("GET", "/models/abc").status == 404
    assert container.invoke("abc", ASK).status == 404
    assert container.ask("DELETE", "/models/abc").status == 404


@case("an ensemble is loaded, called and unloaded", local_only=DIRECT, triton_only=LAYOUT)
def test_ensemble(container: Container, unpack: Callable[[models.Files], Unpacked]) -> None:
    model = unpack(models.ensemble("double", "plus_one", models.PLUS_ONE))
    assert container.load(model.name, model.path).status == 200
    assert container.invoke(model.name, ASK).json["outputs"][0]["data"] == [9]
    assert container.ask("DELETE", f"/models/{model.name}").status == 200


@case("a request in thousands of chunks is answered", local_only=DIRECT)
def test_chunks(container: Container, loaded: Unpacked) -> None:
    headers = {"Content-Type": "application/json", TARGET_MODEL: "tenant-a/loaded_v0.tar.gz"}
    reply = send_chunks(container.socket, f"/models/{loaded.name}/invoke", headers, ASK + b" " * 4000)
    assert reply.status == 200, reply.body
    assert reply.json["outputs"][0]["data"] == [8]


@case(
    "a request of as many chunks as are allowed is read",
    triton=CAPPED,
    local_only=DIRECT,
    triton_only=SETTING,
)
def test_most_chunks(container: Container) -> None:
    reply = send_chunks(container.socket, "/models", {TARGET_MODEL: "z"}, b"A" * MOST_CHUNKS)
    assert reply.status == 400
    assert b"failed to parse the request JSON buffer" in reply.body


@case("a request of more chunks is refused", triton=CAPPED, local_only=DIRECT, triton_only=SETTING)
def test_too_many_chunks(container: Container) -> None:
    reply = send_chunks(container.socket, "/models", {TARGET_MODEL: "z"}, b"A" * (MOST_CHUNKS + 1))
    assert reply.status == 400
    assert b"exceeds maximum" in reply.body


@case("models of /dev, /proc and /sys are refused", triton=CONFINED, local_only=DIRECT, triton_only=SETTING)
def test_paths(container: Container) -> None:
    for path in ("/proc/self", "/dev/shm", "/sys/kernel"):
        assert container.load("abc", path).status == 400


@case(
    "a restricted model repository needs its header: load, list, get, unload",
    triton=CONFINED,
    local_only=VARIABLES,
    triton_only=SETTING,
)
def test_restricted_repository(
    flagged: Callable[..., Target], local: LocalRuntime, unpack: Callable[[models.Files], Unpacked]
) -> None:
    container = local.container(flagged("--http-restricted-api=model-repository:X-Conformance=secret"))
    model = unpack(models.times(1))
    assert container.ask("GET", "/ping").status == 200
    assert container.load(model.name, model.path).status == 403
    for method, path in (("GET", ""), ("GET", f"/{model.name}"), ("DELETE", f"/{model.name}")):
        refused = container.ask(method, f"/models{path}")
        assert refused.status == 403
        assert b"This API is restricted" in refused.body
    assert container.ask("GET", "/models", headers=SECRET).json == {"models": []}
    assert container.ask("GET", f"/models/{model.name}", headers=SECRET).status == 404


@case(
    "restricted inference needs its header: invoke", triton=GUARDED, local_only=VARIABLES, triton_only=SETTING
)
def test_restricted_inference(
    flagged: Callable[..., Target], local: LocalRuntime, unpack: Callable[[models.Files], Unpacked]
) -> None:
    container = local.container(flagged("--http-restricted-api=inference:X-Conformance=secret"))
    model = unpack(models.times(2))
    assert container.load(model.name, model.path).status == 200
    refused = container.invoke(model.name, ASK)
    assert refused.status == 403
    assert b"This API is restricted" in refused.body
    assert container.invoke(model.name, ASK, SECRET).json["outputs"][0]["data"] == [8]


@case(
    "a body over --http-max-input-size is refused", triton=CONFINED, local_only=VARIABLES, triton_only=SETTING
)
def test_input_size(flagged: Callable[..., Target]) -> None:
    target = flagged("--http-max-input-size=4000")
    model = target.publish("size", models.times(2))
    assert target.call(model, 4).tensor("Y") == [8]
    with pytest.raises(target.exceptions.ModelError):
        target.invoke(model, ASK + b" " * 4000)

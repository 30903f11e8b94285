"""`mme plan` on its command line."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from mme.plan.traffic.mix import Mix
from tests.cli.conftest import Ran
from tests.plan.workload import write_trace

Mme = Callable[..., Ran]


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    file = tmp_path / "sizes.csv"
    numbers = np.random.default_rng(1).integers(5_000_000, 60_000_000, 300)
    rows = [f"tenant-{row:03d}_v0.tar.gz,{size},{size // 2}" for row, size in enumerate(numbers)]
    file.write_text("\n".join(["model,unpacked_bytes,archive_bytes", *rows]) + "\n")
    return file


def test_a_mix(mme: Mme, sizes: Path) -> None:
    ran = mme("plan", "--rate", 20, "--zipf", 0.9, "--models", sizes, "--p95-ms", 300)
    assert ran.status == 0, ran.err
    assert any(row.startswith("best 1 x ml.m5.xlarge in us-east-1: p95 ") for row in ran.rows)
    assert any(row.startswith("INSTANCES USD/MONTH") for row in ran.rows)
    assert "one instance gives no availability" in ran.err
    assert "assumed: service 20 ms" in ran.err


def test_a_trace_as_json_and_csv(mme: Mme, sizes: Path, tmp_path: Path) -> None:
    names = [line.split(",")[0] for line in sizes.read_text().splitlines()[1:]]
    with (tmp_path / "trace.csv").open("w") as file:
        write_trace(Mix(20.0, 0.9).sample(names, 5000), file)
    given = ("plan", "--trace", tmp_path / "trace.csv", "--models", sizes, "--counts", "1,2", "--type")
    found = mme(*given, "ml.m5.*", "--price", "ml.m5.2xlarge=0.46", "--hit-ratio", 0.9, "--json").json
    assert {one["instance_type"] for one in found["configurations"]} == {"ml.m5.xlarge", "ml.m5.2xlarge"}
    assert found["best"]["hit_ratio"] >= 0.9
    assert found["traffic"]["requests"] == 5000
    replayed = found["replays"][f"{found['best']['count']} x {found['best']['instance_type']}"]
    assert replayed["hit_ratio"] == pytest.approx(found["best"]["hit_ratio"], abs=0.02)
    assert len(found["models"]) == len({*names} & {one["model"] for one in found["models"]})
    rows = list(csv.DictReader(io.StringIO(mme(*given, "ml.m5.xlarge", "--csv").out)))
    assert [row["count"] for row in rows] == ["1", "2"]
    assert rows[0]["meets_objectives"] == "True"


def test_published_models_are_sized_from_the_registry(mme: Mme, aws: Any) -> None:
    for number in range(3):
        aws.put_object(
            Bucket="models",
            Key=f"models/m{number}_v0.tar.gz",
            Body=b"x" * 1000,
            Metadata={"mme-unpacked-bytes": str(20_000_000 * (number + 1))},
        )
    found = mme("plan", "--rate", 5, "--type", "ml.m5.xlarge", "--counts", "1", "--json").json
    weights = {one["model"]: one["memory_bytes"] for one in found["models"]}
    assert weights == {"m0_v0.tar.gz": 30_000_000, "m1_v0.tar.gz": 60_000_000, "m2_v0.tar.gz": 90_000_000}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no traffic is given"),
        (("--zipf", 1), "no traffic is given"),
        (("--rate", 5, "--trace", "x.csv"), "--trace and --rate both give the traffic"),
        (("--since", "1h", "--daily", "1"), "--daily is about a mix"),
        (("--rate", 5, "--type", "ml.m5.huge"), "ml.m5.huge is not a SageMaker hosting instance type"),
        (("--rate", 5, "--type", "ml.g5.12xlarge"), "ml.g5.12xlarge has 4 GPUs"),
        (("--rate", 5, "--type", "ml.inf1.xlarge"), "ml.inf1.xlarge computes on"),
        (("--rate", 5, "--type", "ml.m5.24xlarge"), "no price of ml.m5.24xlarge is known"),
        (("--rate", 5, "--type", "ml.z*"), "no instance type with a known price matches ml.z*"),
        (("--rate", 5, "--counts", "0"), "'0' is not a list of instance counts"),
        (("--rate", 5, "--assume", "speed=1"), "'speed=1' is not an assumption"),
        (("--rate", 0), "a rate of 0 requests/s is not possible"),
        (
            ("--rate", 5, "--p95-ms", 1),
            "none of 16 configurations meets the objectives; the best available is",
        ),
        (("--rate", 5, "--daily", "1,nan" + ",1" * 22), "the daily curve has the rate nan at hour 1"),
        (("--rate", 5, "--daily", ",".join("0" * 24)), "the daily curve has the rate 0 at every hour"),
        (("--rate", 5, "--assume", "workers=nan"), "workers can't be nan; it is a whole number"),
        (
            ("--rate", 5, "--assume", "weight_factor=1e6"),
            "the largest type compared, ml.m5.xlarge",
        ),
        (("--trace", "unsorted.csv"), "unsorted.csv row 2: time 1 is before 2 of the row above"),
        (("--trace", "once.csv"), "2 requests of the trace at the time 7 and none at another"),
        (("--trace", "other.csv"), "other.csv calls other_v0.tar.gz, which is not in"),
        (("--trace", "empty.csv"), "empty.csv has no requests"),
        (("--trace", "none.csv"), "no such file or directory"),
        (("--rate", 5, "--json", "--csv"), "--json and --csv both name the output"),
    ],
)
def test_refused(
    mme: Mme, sizes: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], message: str
) -> None:
    monkeypatch.chdir(sizes.parent)
    (sizes.parent / "other.csv").write_text("1,other_v0.tar.gz\n")
    (sizes.parent / "unsorted.csv").write_text("2,tenant-001_v0.tar.gz\n1,tenant-001_v0.tar.gz\n")
    (sizes.parent / "once.csv").write_text("7,tenant-001_v0.tar.gz\n7,tenant-002_v0.tar.gz\n")
    (sizes.parent / "empty.csv").write_text("")
    ran = mme("plan", "--models", sizes, *arguments)
    assert ran.status == 2
    error, hint = ran.err.splitlines()
    assert message in error
    assert hint
    assert ran.out == ""


def test_without_an_endpoint_a_file_has_the_sizes(mme: Mme) -> None:
    error, hint = mme("plan", "--rate", 50, "--p95-ms", 300).err.splitlines()
    assert error.startswith("error: nothing answers at http://localhost:9")
    assert hint == "start it: mme local up --detach --port 9; or give the models' sizes: --models FILE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no models"),
        ("model,unpacked_bytes\na,0\n", "row 2: '0' is not a size in bytes"),
        ("a,5\na,6\n", "row 2: a is there twice"),
        ("a\n", "row 1: 'a' has no size"),
        ("a,-5\n", "row 1: '-5' is not a size in bytes"),
    ],
)
def test_sizes_refused(mme: Mme, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sizes.csv").write_text(text)
    ran = mme("plan", "--models", tmp_path / "sizes.csv", "--rate", 5)
    assert ran.status == 2
    assert message in ran.err


def test_models_are_split_over_endpoints(mme: Mme, sizes: Path, tmp_path: Path) -> None:
    result = tmp_path / "map.json"
    given = ("--rate", 60, "--models", sizes, "--type", "ml.m5.xlarge", "--counts", "1-2")
    ran = mme("plan", *given, "--endpoints", 3, "--map", result)
    assert ran.status == 0, ran.err
    assert "this is the busiest of 3, with " in ran.err
    content = json.loads(result.read_text())
    assert [one["name"] for one in content["endpoints"]] == ["mme-local-0", "mme-local-1", "mme-local-2"]
    assert sum(len(one["models"]) for one in content["endpoints"]) == 300


def test_a_page_is_written(mme: Mme, sizes: Path, tmp_path: Path) -> None:
    given = ("--rate", 20, "--models", sizes, "--counts", "1-2")
    assert mme("plan", *given, "--html", tmp_path / "plan.html").status == 0
    assert (tmp_path / "plan.html").read_text().startswith("<!doctype html>")
    ran = mme("plan", *given, "--html", tmp_path / "no" / "plan.html")
    assert ran.status == 2
    assert "is not a folder" in ran.err


def test_the_log_of_an_endpoint_is_a_trace(mme: Mme, aws: Any) -> None:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    logs = session.client("logs", endpoint_url=aws.meta.endpoint_url)
    group = "/aws/sagemaker/Endpoints/mme-local"
    now = int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    for number in range(2):
        aws.put_object(Bucket="models", Key=f"models/m{number}_v0.tar.gz", Body=b"x" * 1000)
        stream = f"AllTraffic/i-{number}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        start = "I1130 10:00:00.000000 1 sagemaker_server.cc:190]"
        call = f'{start} "Invoking SageMaker TargetModel: m{number}_v0.tar.gz"'
        events = [{"timestamp": now - 600_000 + step * 1000, "message": call} for step in range(50)]
        events.append({"timestamp": now - 1000, "message": 'I1130 10:00:00.0 1 server.cc:1] "other"'})
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    given = ("--type", "ml.m5.xlarge", "--counts", "2")
    ran = mme("plan", "--since", "1h", *given, "--json")
    assert ran.status == 0, ran.err
    assert ran.json["traffic"] == {"requests": 100, "rate": pytest.approx(2.02, rel=0.02), "models": 2,
                                   "peak_rate": pytest.approx(2.02, rel=0.02)}  # fmt: skip
    assert ran.json["hit_ratio_uncertainty"] > 0
    assert "uncertain: 100 requests are few" in mme("plan", "--since", "1h", *given).err

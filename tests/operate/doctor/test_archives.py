"""The doctor checks archives by the container's rules."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from mme import findings
from mme.archives.explanation import Explanation
from mme.errors import MmeError
from mme.findings import Severity
from mme.operate.doctor.archives import check_archives
from mme.operate.doctor.context import DoctorContext
from tests.operate.doctor.conftest import messages
from tools.sample_deployment import BUCKET


def test_each_archive_is_read_as_the_endpoint_would(context: DoctorContext) -> None:
    s3 = context.clients.s3
    for number in range(20):
        s3.put_object(Bucket=BUCKET, Key=f"models/tenant/m{number}_v0.tar.gz", Body=str(number).encode())
    s3.put_object(Bucket=BUCKET, Key="models/note.txt", Body=b"")
    asked: list[Any] = []

    def explain(stream: Any, **around: Any) -> Explanation:
        content = stream.read()
        asked.append(SimpleNamespace(content=content, **around))
        if around["name"] == "tenant/m3_v0.tar.gz":
            raise MmeError("it is no gzip", hint="pack it again")
        faults: tuple[findings.Finding, ...] = ()
        if around["name"] in ("tenant/m7_v0.tar.gz", *(f"tenant/m{n}_v0.tar.gz" for n in range(14, 20))):
            faults = (
                findings.Finding(findings.Severity.ERROR, "a", "no config.pbtxt", "write one"),
                findings.Finding(findings.Severity.WARNING, "b", "large", "shrink it"),
                findings.Finding(findings.Severity.NOTE, "c", "by the way"),
            )
        return Explanation(around["name"], "archive", "triton", "flat", faults)

    many = "tenant/m14_v0.tar.gz, tenant/m15_v0.tar.gz, tenant/m16_v0.tar.gz and 4 more"
    progress: list[tuple[int, int]] = []
    found = check_archives(context, lambda done, total: progress.append((done, total)), explain=explain)
    assert sorted((one.severity, one.message, one.hint) for one in found) == [
        (Severity.ERROR, f"{many}: no config.pbtxt", "write one"),
        (Severity.ERROR, "tenant/m3_v0.tar.gz: it is no gzip", "pack it again"),
        (Severity.OK, "13 archives have the right layout", ""),
        (Severity.WARNING, f"{many}: large", "shrink it"),
    ]
    assert progress == [(number, 21) for number in range(1, 22)]
    one = next(call for call in asked if call.name == "tenant/m5_v0.tar.gz")
    assert (one.content, one.framework, one.processor.name) == (b"5", "triton", "CPU")
    assert (one.instance_type, one.image_version) == ("ml.m5.xlarge", "26.05")
    newest = list(check_archives(context, lambda *_: None, most=2, explain=explain))
    assert messages(newest, Severity.SKIPPED) == ["19 older archives were not read"]


def test_ctrl_c_reads_no_further_archive(context: DoctorContext) -> None:
    for number in range(40):
        context.clients.s3.put_object(Bucket=BUCKET, Key=f"models/m{number}_v0.tar.gz", Body=b"")
    read: list[str] = []
    interrupted = Event()

    def explain(stream: Any, **around: Any) -> Explanation:
        read.append(around["name"])
        if len(read) > 8:
            interrupted.wait(5)  # Those that are begun before the first is done end with it.
        return Explanation(around["name"], "archive", "triton", "flat")

    def interrupt(done: int, total: int) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(check_archives(context, interrupt, explain=explain))
    assert len(read) < 41
    stop = Event()
    stop.set()
    read.clear()
    list(check_archives(context, lambda *_: None, stop=stop, explain=explain))
    assert read == []

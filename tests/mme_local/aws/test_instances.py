"""moto's records are let go when nothing refers to them any more."""

from __future__ import annotations

import gc
import time
from typing import Any

from moto.logs.models import LogEvent, logs_backends
from moto.meteringmarketplace.models import UsageRecord
from moto.s3.models import FakeKey

from mme_local.aws import moto_patches as mends
from mme_local.aws import reset
from mme_local.aws.account import DEFAULT_ACCOUNT
from mme_local.aws.instances import LiveInstances
from tests.mme_local.aws.conftest import ClientOf


def alive(kind: Any) -> int:
    gc.collect()
    return sum(type(one) is kind for one in gc.get_objects())


def tracked(kind: Any) -> LiveInstances:
    found: LiveInstances = kind.instances_tracked
    return found


def test_log_lines_that_were_trimmed_take_no_memory() -> None:
    mends.apply()
    before = alive(LogEvent)
    backend = logs_backends[DEFAULT_ACCOUNT]["us-east-1"]
    backend.create_log_group("group", {})
    backend.create_log_stream("group", "stream")
    now = int(time.time() * 1000)
    backend.put_log_events("group", "stream", [{"timestamp": now, "message": str(n)} for n in range(100)])
    assert alive(LogEvent) == before + 100 == before + len(tracked(LogEvent))
    stream = backend.groups["group"].streams["stream"]
    stream.events = stream.events[-10:]
    assert alive(LogEvent) == before + 10
    assert {one.message for one in tracked(LogEvent)} == {str(n) for n in range(90, 100)}


def test_deleted_objects_take_no_memory(aws: ClientOf) -> None:
    before = alive(FakeKey)
    s3 = aws("s3")
    s3.create_bucket(Bucket="bucket")
    for number in range(20):
        s3.put_object(Bucket="bucket", Key="key", Body=str(number).encode())
    assert alive(FakeKey) == before + 1
    s3.delete_object(Bucket="bucket", Key="key")
    assert alive(FakeKey) == before


def test_a_reset_closes_bodies_that_somebody_still_reads(aws: ClientOf) -> None:
    from moto.s3.models import s3_backends

    s3 = aws("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"old")
    held = s3_backends[DEFAULT_ACCOUNT]["aws"].get_object("bucket", "key")
    s3.put_object(Bucket="bucket", Key="key", Body=b"new")
    reset()
    assert held is not None
    assert held._value_buffer.closed


def test_a_model_that_is_a_dictionary_too() -> None:
    mends.apply()
    assert UsageRecord("2026-11-21", "customer", "dimension", 1)["Quantity"] == 1


def test_equal_instances_are_two() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    one, other = Equal(), Equal()
    known = LiveInstances()
    known.append(one)
    known.append(other)
    assert [id(each) for each in known] == [id(one), id(other)]
    del one
    assert [id(each) for each in known] == [id(other)]
    assert len(known) == 1

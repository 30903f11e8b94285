"""Memory is freed when nothing refers to moto's records any more."""

from __future__ import annotations

import gc
from typing import Any

from moto.s3.models import FakeKey

from tests.mme_local.aws.conftest import ClientOf


def alive(kind: Any) -> int:
    gc.collect()
    return sum(type(one) is kind for one in gc.get_objects())


def test_deleted_objects_take_no_memory(aws: ClientOf) -> None:
    before = alive(FakeKey)
    s3 = aws("s3")
    s3.create_bucket(Bucket="bucket")
    for number in range(20):
        s3.put_object(Bucket="bucket", Key="key", Body=str(number).encode())
    assert alive(FakeKey) == before + 1
    s3.delete_object(Bucket="bucket", Key="key")
    assert alive(FakeKey) == before

"""Every version under a prefix is deleted, page by page, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends

from mme.errors import MmeError
from mme.operate.cleanup.objects import count_objects, delete_objects


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket="own")
        client.put_bucket_versioning(Bucket="own", VersioningConfiguration={"Status": "Enabled"})
        yield client


def entries(s3: Any) -> list[str]:
    found = s3.list_object_versions(Bucket="own")
    return sorted(one["Key"] for one in found.get("Versions", []) + found.get("DeleteMarkers", []))


def test_several_batches_and_the_rest_after_an_interruption(s3: Any) -> None:
    for number in range(1100):  # not by boto3, whose signing and parsing cost seconds
        s3_backends["123456789012"]["aws"].put_object("own", f"models/{number:04}", b"")

    class Interrupted(Exception):  # noqa: N818
        pass

    def interrupt(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        delete_objects(s3, "own", "models/", interrupt)
    left = count_objects(s3, "own", "models/").entries
    assert 0 <= left < 1100
    assert delete_objects(s3, "own", "models/", lambda _: None) == left
    assert count_objects(s3, "own", "models/").entries == 0


def test_unfinished_uploads_end_too(s3: Any) -> None:
    for key in ("models/half", "other/half"):
        s3.create_multipart_upload(Bucket="own", Key=key)
    delete_objects(s3, "own", "models/", lambda _: None)
    left = s3.list_multipart_uploads(Bucket="own")["Uploads"]
    assert [upload["Key"] for upload in left] == ["other/half"]


def test_what_s3_refuses_is_reported(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="own", Key="models/locked", Body=b"")

    def refuse(**_: Any) -> dict[str, Any]:
        return {"Errors": [{"Key": "models/locked", "Code": "AccessDenied", "Message": "object is locked"}]}

    monkeypatch.setattr(s3, "delete_objects", refuse)
    with pytest.raises(MmeError, match=r"refuses to delete 1 versions .* models/locked: object is locked"):
        delete_objects(s3, "own", "models/", lambda _: None)


def test_a_missing_bucket_has_no_objects(s3: Any) -> None:
    assert count_objects(s3, "never", "").entries == 0
    assert delete_objects(s3, "never", "", lambda _: None) == 0

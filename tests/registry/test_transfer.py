"""Models are copied from store to store inside S3, as a whole, and never overwrite another one."""

from __future__ import annotations

import gzip
import hashlib
import tarfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mme.archives.check import check_model
from mme.errors import MmeError
from mme.registry import ModelStore, publish
from mme.registry.names import ModelName
from mme.registry.transfer import transfer
from mme.registry.versions import RemovedVersions
from tests.archives.archive_builder import FLAT, tar


@pytest.fixture
def prod(s3) -> ModelStore:
    s3.create_bucket(Bucket="prod")
    return ModelStore(s3, "prod", "live/")


def uploads(s3) -> list[object]:
    return s3.list_multipart_uploads(Bucket="prod").get("Uploads", [])


def test_copies_with_metadata_and_checks_the_digest(store, prod, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory()))
    read: list[int] = []
    copied = transfer(store, prod, outcome.target_model, on_bytes=read.append)
    assert (copied.created, copied.digest, copied.content_read) == (True, outcome.digest, True)
    assert sum(read) == outcome.size
    original, copy = store.describe(outcome.target_model), prod.describe(outcome.target_model)
    assert (copy.digest, copy.signature, copy.size) == (original.digest, original.signature, original.size)
    assert not transfer(store, prod, outcome.target_model).created
    assert uploads(s3) == []


def test_large_ones_in_parts(store, prod, s3, make_directory) -> None:
    noise = hashlib.shake_256(b"seed").digest(18 * 1024 * 1024)
    outcome = publish(store, check_model(make_directory(content=noise)))
    copied = transfer(store, prod, outcome.target_model, part_bytes=5 * 1024 * 1024)
    assert copied.digest == outcome.digest
    assert s3.head_object(Bucket="prod", Key="live/doubler_v0.tar.gz")["ETag"].strip('"').endswith("-4")


def test_another_model_of_that_name_stays(store, prod, make_directory) -> None:
    publish(store, check_model(make_directory(content="ours")))
    theirs = publish(prod, check_model(make_directory(content="theirs", under="o")))
    with pytest.raises(MmeError, match=r"has another doubler_v0\.tar\.gz"):
        transfer(store, prod, "doubler_v0.tar.gz")
    assert prod.describe("doubler_v0.tar.gz").digest == theirs.digest


def test_removed_version_does_not_come_back(store, prod, make_directory) -> None:
    publish(store, check_model(make_directory()))
    RemovedVersions(prod).record(ModelName("doubler", 0), "me")
    with pytest.raises(MmeError, match="was removed from s3://prod/live/"):
        transfer(store, prod, "doubler_v0.tar.gz")
    assert prod.describe("doubler_v0.tar.gz") is None


def test_copy_that_is_not_the_original_is_deleted(store, prod, s3, make_directory) -> None:
    publish(store, check_model(make_directory()))
    body = s3.get_object(Bucket="models", Key="models/doubler_v0.tar.gz")["Body"].read()
    s3.put_object(
        Bucket="models", Key="models/doubler_v0.tar.gz", Body=body, Metadata={"mme-digest": "0" * 64}
    )
    with pytest.raises(MmeError, match=r"has the digest .*; it was deleted"):
        transfer(store, prod, "doubler_v0.tar.gz")
    assert prod.describe("doubler_v0.tar.gz") is None
    quick = transfer(store, prod, "doubler_v0.tar.gz", read_content=False)
    assert (quick.digest, quick.content_read) == ("0" * 64, False)


def test_a_hostile_archive_is_not_copied(store, prod, s3) -> None:
    header = bytearray(tarfile.TarInfo("a").tobuf())
    header[10] ^= 1
    s3.put_object(Bucket="models", Key="models/bad_v0.tar.gz", Body=gzip.compress(tar(FLAT)[:1024] + header))
    with pytest.raises(MmeError, match=r"bad_v0\.tar\.gz is damaged: the tar is damaged after config\.pbtxt"):
        transfer(store, prod, "bad_v0.tar.gz")
    assert prod.listed() == []


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDenied", "may not read s3://models/models/"), ("InternalError", "InternalError")],
)
def test_failing_part_leaves_nothing(store, prod, s3, make_directory, monkeypatch, code, message) -> None:
    publish(store, check_model(make_directory()))

    def fail(**_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "UploadPartCopy")

    monkeypatch.setattr(s3, "upload_part_copy", fail)
    with pytest.raises((MmeError, ClientError), match=message):
        transfer(store, prod, "doubler_v0.tar.gz")
    assert uploads(s3) == []
    assert prod.listed() == []


def test_unknown_model_and_same_store(store, prod) -> None:
    with pytest.raises(MmeError, match=r"there is no model 'x_v0\.tar\.gz'"):
        transfer(store, prod, "x_v0.tar.gz")
    with pytest.raises(MmeError, match="both source and destination"):
        transfer(store, store, "x_v0.tar.gz")


def test_separate_s3_services(store) -> None:
    config = Config(s3={"addressing_style": "path"})
    elsewhere = boto3.client("s3", region_name="us-east-1", endpoint_url="http://localhost:9", config=config)
    with pytest.raises(MmeError, match="S3 can't copy from"):
        transfer(store, ModelStore(elsewhere, "prod", "live/"), "x_v0.tar.gz")

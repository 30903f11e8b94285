"""Versions are used one by one, never twice, and no partial object ever appears."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mme.archives.check import check_model
from mme.archives.errors import ArchiveError
from mme.archives.signature import TensorSignature
from mme.errors import MmeError
from mme.registry import ModelStore, publish


def keys(s3) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="models").get("Contents", [])]


def uploads(s3) -> list[object]:
    return s3.list_multipart_uploads(Bucket="models").get("Uploads", [])


def test_first_version_with_its_metadata(store, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory()))
    assert (outcome.target_model, outcome.created) == ("doubler_v0.tar.gz", True)
    stored = s3.get_object(Bucket="models", Key="models/doubler_v0.tar.gz")
    metadata = stored["Metadata"]
    assert metadata["mme-digest"] == outcome.digest
    assert hashlib.sha256(gzip.decompress(stored["Body"].read())).hexdigest() == outcome.digest
    assert int(metadata["mme-unpacked-bytes"]) == outcome.unpacked_bytes
    signature = TensorSignature.from_metadata(metadata["mme-signature"])
    assert signature is not None
    assert signature.inputs[0].name == "X"
    assert stored["ContentType"] == "application/gzip"


def test_unchanged_content_is_skipped(store, s3, make_directory) -> None:
    first = publish(store, check_model(make_directory()))
    again = publish(store, check_model(str(make_directory()) + "/"))
    assert not again.created
    assert again.latest
    assert again.target_model == first.target_model
    assert keys(s3) == ["models/doubler_v0.tar.gz"]


def test_other_content_is_the_next_version(store, make_directory) -> None:
    publish(store, check_model(make_directory()))
    assert publish(store, check_model(make_directory(content="v1"))).target_model == "doubler_v1.tar.gz"


def test_content_of_an_older_version_is_found_there(store, s3, make_directory) -> None:
    for content in ("v0", "v1"):
        publish(store, check_model(make_directory(content=content)))
    back = publish(store, check_model(make_directory(content="v0")))
    assert (back.target_model, back.created, back.latest) == ("doubler_v0.tar.gz", False, False)
    assert len(keys(s3)) == 2


def test_versions_count_as_numbers_and_leave_gaps_alone(store, s3, make_directory) -> None:
    for taken in ("doubler_v2", "doubler_v10", "doubler_v10_v77", "doubler_vx", "other_v99"):
        s3.put_object(Bucket="models", Key=f"models/{taken}.tar.gz", Body=b"x")
    assert publish(store, check_model(make_directory())).version == 11


def test_other_name_and_folder(store, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory()), name="tenant-a/mine")
    assert outcome.target_model == "tenant-a/mine_v0.tar.gz"
    assert keys(s3) == ["models/tenant-a/mine_v0.tar.gz"]


def test_over_long_name_is_refused_before_any_work(store, s3, make_directory) -> None:
    with pytest.raises(MmeError, match="SageMaker takes 1024"):
        publish(store, check_model(make_directory()), name="a" * 1020)
    assert keys(s3) == []


@pytest.mark.parametrize(("content", "expected"), [("ours", ("_v1", True)), ("theirs", ("_v0", False))])
def test_another_publisher_is_faster(store, s3, make_directory, monkeypatch, content: str, expected) -> None:
    """Another publisher takes the version between our listing and our write, with the same content or not."""
    put_new = store.put_new
    theirs = check_model(make_directory(content="theirs", under="other"))

    def late(*arguments: Any) -> None:
        publish(ModelStore(s3, "models", "models/"), theirs)
        put_new(*arguments)

    monkeypatch.setattr(store, "put_new", late)
    published = publish(store, check_model(make_directory(content=content)))
    assert (published.target_model, published.created) == (f"doubler{expected[0]}.tar.gz", expected[1])
    assert {record.digest for record in store.records()} >= {published.digest}


@pytest.fixture
def large(make_directory):
    """A model that goes by multipart upload: 18 MB that do not compress."""
    noise = hashlib.shake_256(b"seed").digest(18 * 1024 * 1024)
    return check_model(make_directory(content=noise))


def test_large_model_goes_in_parts_and_comes_back_whole(store, s3, large) -> None:
    progress: list[tuple[int, int]] = []
    outcome = publish(store, large, on_progress=lambda done, total: progress.append((done, total)))
    stored = s3.get_object(Bucket="models", Key="models/doubler_v0.tar.gz")
    assert stored["ETag"].strip('"').endswith("-3")
    assert hashlib.sha256(gzip.decompress(stored["Body"].read())).hexdigest() == outcome.digest
    assert stored["Metadata"]["mme-digest"] == outcome.digest
    assert progress[-1][0] == progress[-1][1]
    assert uploads(s3) == []
    assert not publish(store, large).created


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_interrupted_upload_leaves_nothing(store, s3, large, kind) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total * 3 // 4:
            raise kind

    with pytest.raises(kind):
        publish(store, large, on_progress=interrupt)
    assert keys(s3) == []
    assert uploads(s3) == []


def test_failing_part_leaves_nothing(store, s3, large, monkeypatch: pytest.MonkeyPatch) -> None:
    real = s3.upload_part

    def upload_part(**arguments):
        if arguments["PartNumber"] == 2:
            raise ClientError({"Error": {"Code": "InternalError", "Message": "broken"}}, "UploadPart")
        return real(**arguments)

    monkeypatch.setattr(s3, "upload_part", upload_part)
    with pytest.raises(ClientError, match="broken"):
        publish(store, large)
    assert keys(s3) == []
    assert uploads(s3) == []


def test_files_that_change_between_reading_and_sending(store, s3, large) -> None:
    model = large.directory.root / "1" / "model.py"

    def change(done: int, total: int) -> None:
        if done == total // 2:
            content = bytearray(model.read_bytes())
            content[100] ^= 1
            model.write_bytes(content)

    with pytest.raises(ArchiveError) as caught:
        publish(store, large, on_progress=change)
    assert caught.value.codes == ("changed-while-packed",)
    assert keys(s3) == []
    assert uploads(s3) == []


def test_a_key_taken_forever_ends(store, s3, make_directory, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(**_: object) -> None:
        raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "taken"}}, "PutObject")

    monkeypatch.setattr(s3, "put_object", taken)
    with pytest.raises(MmeError, match="other publishers took 50 versions"):
        publish(store, check_model(make_directory()))


def test_missing_bucket(s3, make_directory) -> None:
    with pytest.raises(MmeError, match="bucket absent does not exist"):
        publish(ModelStore(s3, "absent", "models/"), check_model(make_directory()))


def test_denied_bucket(make_directory) -> None:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")

    def deny(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")

    client.meta.events.register("before-call.s3.ListObjectsV2", deny)
    with pytest.raises(MmeError, match=r"access to s3://models/models/ is denied \(ListObjectsV2\)"):
        publish(ModelStore(client, "models", "models/"), check_model(make_directory()))


def test_prefix_without_a_slash(s3) -> None:
    with pytest.raises(MmeError, match="must end in /"):
        ModelStore(s3, "models", "models")

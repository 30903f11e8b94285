"""Objects that are kept: each version's body in a file of its own, written once."""

from __future__ import annotations

import gc
import hashlib
import io
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from mme_local import aws as cloud
from mme_local.aws.objects import ObjectMissing, open_object
from mme_local.kept import embedded_aws
from mme_local.kept.bodies import Bodies, BodyMissingError, BodyVanishedError
from mme_local.kept.pickling import StatePickler
from tests.mme_local.kept.conftest import Client, told

LARGE = b"0123456789abcdef" * (2 * 1024 * 1024)
"""32 MiB: moto holds it in a file of its own, not in memory."""


@pytest.fixture
def s3(aws: Client) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket="models")
    return client


@pytest.fixture
def versioned(s3: Any) -> Any:
    s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    return s3


def put(s3: Any, key: str, body: bytes, **more: Any) -> Any:
    return s3.put_object(Bucket="models", Key=key, Body=body, **more)


def get(s3: Any, key: str, **more: Any) -> bytes:
    content: bytes = s3.get_object(Bucket="models", Key=key, **more)["Body"].read()
    return content


def test_all_versions_with_all_that_is_said_of_them(again: Callable[[], None], versioned: Any) -> None:
    first = put(versioned, "a", b"one", Metadata={"mme-digest": "d"}, Tagging="t=1", ContentType="x/y")
    second = put(versioned, "a", b"two", ServerSideEncryption="AES256")
    put(versioned, "gone", b"three")
    versioned.delete_object(Bucket="models", Key="gone")
    versioned.put_bucket_policy(Bucket="models", Policy='{"Statement": []}')
    asked: list[Callable[[], Any]] = [
        lambda: versioned.list_object_versions(Bucket="models"),
        lambda: versioned.head_object(Bucket="models", Key="a", VersionId=first["VersionId"]),
        lambda: versioned.head_object(Bucket="models", Key="a"),
        lambda: versioned.get_object_tagging(Bucket="models", Key="a", VersionId=first["VersionId"]),
        lambda: versioned.get_bucket_policy(Bucket="models"),
    ]
    before = [told(ask()) for ask in asked]
    again()
    assert [told(ask()) for ask in asked] == before
    assert before[1]["Metadata"] == {"mme-digest": "d"}
    assert get(versioned, "a", VersionId=first["VersionId"]) == b"one"
    assert get(versioned, "a", VersionId=second["VersionId"]) == b"two"
    assert get(versioned, "a", Range="bytes=1-1") == b"w"
    with open_object("models", "a") as opened:
        assert b"".join(opened.body) == b"two"
        assert opened.head.etag == hashlib.md5(b"two", usedforsecurity=False).hexdigest()
    versioned.delete_object(Bucket="models", Key="a", VersionId=second["VersionId"])
    assert get(versioned, "a") == b"one"
    put(versioned, "a", b"four")
    again()
    assert get(versioned, "a") == b"four"


def test_large_and_empty_bodies_and_copies(again: Callable[[], None], s3: Any) -> None:
    put(s3, "large", LARGE)
    put(s3, "empty", b"")
    again()
    s3.copy_object(Bucket="models", Key="copy", CopySource={"Bucket": "models", "Key": "large"})
    again()
    assert get(s3, "large") == get(s3, "copy") == LARGE
    assert get(s3, "empty") == b""


def test_an_upload_in_parts_goes_on(again: Callable[[], None], s3: Any) -> None:
    part = b"x" * (5 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket="models", Key="big")["UploadId"]
    given = {"Bucket": "models", "Key": "big", "UploadId": upload}
    tags = [s3.upload_part(**given, PartNumber=1, Body=part)["ETag"]]
    again()
    tags.append(s3.upload_part(**given, PartNumber=2, Body=b"end")["ETag"])
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    made = s3.complete_multipart_upload(**given, MultipartUpload={"Parts": parts})
    again()
    assert get(s3, "big") == part + b"end"
    assert s3.head_object(Bucket="models", Key="big")["ETag"] == made["ETag"]
    assert s3.list_multipart_uploads(Bucket="models").get("Uploads", []) == []


def kept(bodies: Bodies) -> embedded_aws.Frozen:
    frozen = embedded_aws.freeze(bodies)
    embedded_aws.write_bodies(frozen, bodies)
    bodies.sweep(frozen.needed)
    return frozen


def test_a_body_is_written_once_and_goes_when_nothing_needs_it(s3: Any, tmp_path: Path) -> None:
    bodies = Bodies(tmp_path / "bodies")
    put(s3, "a", b"one")
    (written,) = kept(bodies).needed
    facts = (tmp_path / "bodies" / written).stat()
    put(s3, "b", b"two")
    frozen = kept(bodies)
    assert [new.key.name for new in frozen.new] == ["b"]
    assert len(list((tmp_path / "bodies").iterdir())) == 2
    assert (tmp_path / "bodies" / written).stat() == facts
    s3.delete_object(Bucket="models", Key="a")
    kept(bodies)
    (left,) = (tmp_path / "bodies").iterdir()
    assert left.read_bytes() == b"two"
    put(s3, "b", b"three")
    kept(bodies)
    (left,) = (tmp_path / "bodies").iterdir()
    assert left.read_bytes() == b"three"


def test_once_written_a_body_is_no_longer_in_memory(s3: Any, tmp_path: Path) -> None:
    put(s3, "a", b"one")
    bodies = Bodies(tmp_path / "bodies")
    (name,) = kept(bodies).needed
    (tmp_path / "bodies" / name).write_bytes(b"two")  # nobody does that; it shows what is read
    with open_object("models", "a") as opened:
        assert list(opened.body) == [b"two"]


def test_who_reads_a_body_while_it_is_written_has_it_whole(s3: Any, tmp_path: Path) -> None:
    put(s3, "large", LARGE)
    with open_object("models", "large") as opened:
        pieces = [next(opened.body)]
        kept(Bodies(tmp_path / "bodies"))
        pieces.extend(opened.body)
    assert b"".join(pieces) == LARGE


def test_a_deleted_object_can_not_be_read_on(s3: Any, tmp_path: Path) -> None:
    put(s3, "large", LARGE)
    bodies = Bodies(tmp_path / "bodies")
    kept(bodies)
    with open_object("models", "large") as opened:
        next(opened.body)
        s3.delete_object(Bucket="models", Key="large")
        kept(bodies)
        with pytest.raises(ObjectMissing):
            list(opened.body)


def test_an_object_deleted_before_it_was_written_makes_the_state_useless(s3: Any, tmp_path: Path) -> None:
    put(s3, "a", b"one")
    bodies = Bodies(tmp_path / "bodies")
    frozen = embedded_aws.freeze(bodies)
    s3.delete_object(Bucket="models", Key="a")
    with pytest.raises(BodyVanishedError):
        embedded_aws.write_bodies(frozen, bodies)
    assert list((tmp_path / "bodies").iterdir()) == []
    assert not kept(bodies).needed


def test_a_body_that_can_not_be_written_leaves_nothing_and_is_written_later(s3: Any, tmp_path: Path) -> None:
    put(s3, "a", b"one")
    bodies = Bodies(tmp_path / "bodies")

    def full() -> Iterator[bytes]:
        yield b"o"
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        bodies.write("name", full())
    assert list((tmp_path / "bodies").iterdir()) == []
    assert len(kept(bodies).needed) == 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(lambda path: path.unlink(), "No such file"), (lambda path: path.write_bytes(b"on"), "2 of 3 bytes")],
)
def test_a_body_that_is_not_as_it_was_is_named(
    s3: Any, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    put(s3, "a", b"one")
    frozen = kept(Bodies(tmp_path / "bodies"))
    cloud.reset()
    (path,) = (tmp_path / "bodies").iterdir()
    damage(path)
    with pytest.raises(BodyMissingError, match=reason) as caught:
        embedded_aws.thaw(frozen.pickle, Bodies(tmp_path / "bodies"))
    assert caught.value.path == path


def test_a_state_that_was_written_stays_in_memory_no_longer(s3: Any, tmp_path: Path) -> None:
    put(s3, "a", b"one")
    gc.disable()  # what goes by itself goes at once
    try:
        pickler = StatePickler(io.BytesIO(), Bodies(tmp_path / "bodies"))
        pickler.dump(s3_backends["123456789012"]["aws"])
        assert len(pickler.new) == 1
        gone = weakref.ref(pickler)
        del pickler
        assert gone() is None
    finally:
        gc.enable()

"""The models in S3 and their metadata."""

from __future__ import annotations

from moto.s3.models import s3_backends

from mme.archives.check import check_model
from mme.registry import ModelStore, publish


def test_empty_store(store) -> None:
    assert store.records() == []


def test_records_by_name_and_number(store, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory("b")))
    for key in ("models/a_v10.tar.gz", "models/a_v9.tar.gz", "models/plain.tar.gz", "models/t/x_v0.tar.gz"):
        s3.put_object(Bucket="models", Key=key, Body=b"1234")
    s3.put_object(Bucket="models", Key="models/README.md", Body=b"not a model")
    s3.put_object(Bucket="models", Key="elsewhere/c_v0.tar.gz", Body=b"not under the prefix")
    records = store.records()
    assert [(record.target_model, record.name, record.version) for record in records] == [
        ("a_v9.tar.gz", "a", 9),
        ("a_v10.tar.gz", "a", 10),
        ("b_v0.tar.gz", "b", 0),
        ("plain.tar.gz", "plain", None),
        ("t/x_v0.tar.gz", "t/x", 0),
    ]
    assert records[0].digest is None
    assert records[0].size == 4
    assert records[2].digest == outcome.digest
    assert records[2].unpacked_bytes == outcome.unpacked_bytes
    assert records[2].signature is not None


def test_describe(store, s3) -> None:
    assert store.describe("absent_v0.tar.gz") is None
    s3.put_object(
        Bucket="models",
        Key="models/x.tar.gz",
        Body=b"",
        Metadata={"mme-unpacked-bytes": "many", "mme-signature": "[]"},
    )
    record = store.describe("x.tar.gz")
    assert record is not None
    assert record.unpacked_bytes is None
    assert record.signature is None


def test_more_than_one_page(store, s3) -> None:
    for number in range(1003):
        s3_backends["123456789012"]["aws"].put_object("models", f"models/m_v{number}.tar.gz", b"")
    assert [record.version for record in store.versions("m")] == list(range(1003))


def test_whole_bucket(s3) -> None:
    s3.put_object(Bucket="models", Key="x_v0.tar.gz", Body=b"")
    assert [record.target_model for record in ModelStore(s3, "models", "").records()] == ["x_v0.tar.gz"]

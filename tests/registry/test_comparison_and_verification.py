"""Archives in S3 are read as streams: compared with each other, and with what was published."""

from __future__ import annotations

import gzip
import io
import re
import tarfile

import numpy as np
import pytest
import xgboost

from mme.archives.check import check_model
from mme.errors import MmeError
from mme.registry import publish
from mme.registry.archive_contents import read_contents
from mme.registry.comparison import compare
from mme.registry.names import ModelName
from mme.registry.verification import verify
from mme.registry.versions import RemovedVersions
from tests.archives.archive_builder import pack, with_link
from tests.archives.onnx_builder import doubled, model, value


def put(s3, name: str, files: dict[str, bytes], metadata: dict[str, str] | None = None) -> None:
    s3.put_object(Bucket="models", Key=f"models/{name}", Body=pack(files), Metadata=metadata or {})


def test_differences_are_listed(store, make_directory) -> None:
    model = make_directory()
    (model / "1" / "old.txt").write_text("gone")
    publish(store, check_model(model))
    (model / "1" / "old.txt").unlink()
    (model / "1" / "new.txt").write_text("come")
    code = model / "1" / "model.py"
    before = code.stat().st_size
    code.write_text(code.read_text() + "# longer")
    config = (model / "config.pbtxt").read_text()
    (model / "config.pbtxt").write_text(
        config.replace('"X" data_type: TYPE_FP32', '"Z" data_type: TYPE_INT8')
    )
    publish(store, check_model(model))
    found = compare(store, "doubler_v0.tar.gz", "doubler_v1.tar.gz")
    assert [(one.path, one.kind, one.before, one.after) for one in found.files] == [
        ("1/model.py", "changed", before, before + 8),
        ("1/new.txt", "added", None, 4),
        ("1/old.txt", "removed", 4, None),
        ("config.pbtxt", "changed", found.files[3].before, found.files[3].after),
    ]
    assert found.unchanged == 0
    assert found.signature == ("input X removed: FP32[4]", "input Z added: INT8[4]")
    assert any(line.startswith('+input [ { name: "Z"') for line in found.config)


def test_same_content_is_not_downloaded(store, s3, make_directory) -> None:
    publish(store, check_model(make_directory()))
    publish(store, check_model(make_directory()), name="copy")
    s3.meta.events.register("before-call.s3.GetObject", lambda **_: pytest.fail("it was read"))
    assert compare(store, "doubler_v0.tar.gz", "copy_v0.tar.gz").identical
    assert compare(store, "doubler_v0.tar.gz", "doubler_v0.tar.gz").identical


def test_foreign_archives_are_compared_by_content(store, s3) -> None:
    put(s3, "a.tar.gz", {"./model.bin": b"1", "x": b"2"})
    put(s3, "b.tar.gz", {"model.bin": b"1", "x": b"3"})
    found = compare(store, "a.tar.gz", "b.tar.gz")
    assert [one.path for one in found.files] == ["x"]
    assert found.unchanged == 1
    assert found.signature == found.config == ()


def test_the_signatures_of_model_files_are_compared(store, s3) -> None:
    config = b'platform: "onnxruntime_onnx"'
    put(s3, "a.tar.gz", {"config.pbtxt": config, "1/model.onnx": doubled().SerializeToString()})
    newer = model(inputs=[value("X", ("N", 8))], outputs=[value("Z", ("N", 8))], opset=17).SerializeToString()
    put(s3, "b.tar.gz", {"config.pbtxt": config, "1/model.onnx": newer})
    assert compare(store, "a.tar.gz", "b.tar.gz").signature == (
        "input X: FP32[4] -> FP32[8]",
        "output Y removed: FP32[4]",
        "output Z added: FP32[8]",
        "1/model.onnx: input X: FP32[-1, 4] -> FP32[-1, 8]",
        "1/model.onnx: output Y removed: FP32[-1, 4]",
        "1/model.onnx: operator set: 13 -> 17",
        "1/model.onnx: output Z added: FP32[-1, 8]",
    )


def test_boosters_are_compared(store, s3) -> None:
    rows = np.random.default_rng(0).random((20, 5), np.float32)
    for name, columns in (("a", 5), ("b", 3)):
        booster = xgboost.XGBRegressor(n_estimators=1, n_jobs=1).fit(rows[:, :columns], rows[:, 0])
        raw = bytes(booster.get_booster().save_raw("json"))
        put(s3, f"{name}.tar.gz", {"xgboost-model.json": raw})
    found = compare(store, "a.tar.gz", "b.tar.gz")
    (line,) = found.signature
    assert re.fullmatch(
        r"xgboost-model.json: booster: XGBoost [\d.]+, 5 features\S* reg:\w+ -> XGBoost [\d.]+, 3 .*", line
    )


@pytest.mark.parametrize("pieces", [1, 3])
def test_archives_of_several_gzip_members(pieces: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("f")
        info.size = 300_000
        tar.addfile(info, io.BytesIO(bytes(300_000)))
    raw = buffer.getvalue()
    step = -(-len(raw) // pieces)
    compressed = b"".join(gzip.compress(raw[start : start + step]) for start in range(0, len(raw), step))
    assert read_contents(io.BytesIO(compressed), "x").files["f"].size == 300_000


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", gzip.compress(b"no tar" * 400), gzip.compress(b"x" * 4000)[:-30]],
    ids=["empty", "text", "gzipped text", "truncated gzip"],
)
def test_damaged_archives(store, s3, body: bytes) -> None:
    s3.put_object(Bucket="models", Key="models/bad_v0.tar.gz", Body=body)
    (found,) = verify(store)
    assert found.problems
    if body:
        with pytest.raises(MmeError, match=r"bad_v0\.tar\.gz is damaged"):
            read_contents(io.BytesIO(body), "bad_v0.tar.gz")


def test_intact_archives(store, make_directory) -> None:
    for name in ("a", "b"):
        publish(store, check_model(make_directory(name)))
    read: list[int] = []
    found = verify(store, on_bytes=read.append)
    assert [(one.record.name, one.problems, one.notes) for one in found] == [("a", (), ()), ("b", (), ())]
    assert sum(read) == sum(one.record.size for one in found)


def test_what_is_wrong_is_named(store, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory()))
    metadata = {"mme-digest": outcome.digest, "mme-unpacked-bytes": "7"}
    put(s3, "doubler_v0.tar.gz", {"config.pbtxt": b"x", "../out": b"y"}, metadata)
    RemovedVersions(store).record(ModelName("doubler", 0), "me")
    (found,) = verify(store)
    text = "; ".join(found.problems)
    for expected in (
        "version 0 was removed before",
        f"published was {outcome.digest[:12]}",
        "../out",
    ):
        assert expected in text


def test_wrong_size_is_named(store, s3, make_directory) -> None:
    outcome = publish(store, check_model(make_directory()))
    key = {"Bucket": "models", "Key": "models/doubler_v0.tar.gz"}
    body = s3.get_object(**key)["Body"].read()
    s3.put_object(**key, Body=body, Metadata={"mme-digest": outcome.digest, "mme-unpacked-bytes": "7"})
    (found,) = verify(store)
    assert found.problems == (f"it unpacks to {outcome.unpacked_bytes} bytes, published were 7",)


def test_links(store, s3) -> None:
    s3.put_object(
        Bucket="models",
        Key="models/x_v0.tar.gz",
        Body=with_link("link", "/etc/passwd", tarfile.SYMTYPE),
    )
    (found,) = verify(store)
    assert "link is a symbolic link to /etc/passwd" in found.problems[0]
    assert found.notes == ("it has no digest; mme did not publish it",)

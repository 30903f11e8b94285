"""Keys, aliases and archives that someone else wrote: every verb goes on, and names them in one line."""

from __future__ import annotations

import gzip
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from tests.archives.archive_builder import CODE, CONFIG, FLAT, edited, member, pack, tar

ODD_KEYS = (
    "a\nb_v0.tar.gz",
    "bell\x07_v0.tar.gz",
    "a//b_v0.tar.gz",
    "../up_v0.tar.gz",
    "a/./b_v0.tar.gz",
    ".tar.gz",
    "t/.tar.gz",
    "100%_v0.tar.gz",
    "%FF_v0.tar.gz",
    "a b+c_v0.tar.gz",
    "\u202egnp.tar.gz",
    "many_v" + "9" * 900 + ".tar.gz",
)
VERBS = (
    ("models", "list"),
    ("models", "list", "--json"),
    ("models", "verify"),
    ("models", "verify", "--json"),
    ("models", "aliases"),
    ("models", "prune", "--keep", "1", "--dry-run"),
    ("models", "show", "add_sub_v0.tar.gz"),
)


@pytest.fixture
def published(aws, mme):
    assert mme("models", "add", "model_registry/add_sub").status == 0
    return aws


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_odd_keys_are_listed_and_stop_no_verb(published, mme, verb: tuple[str, ...]) -> None:
    for key in ODD_KEYS:
        # Not by a request: moto's server would normalise the path.
        s3_backends["123456789012"]["aws"].put_object("models", f"models/{key}", pack(FLAT))
    ran = mme(*verb)
    assert ran.status in (0, 1), ran.err
    assert "Traceback" not in ran.err
    assert not any(letter in ran.out for letter in ("\x07", "\u202e"))
    if verb[:2] in (("models", "list"), ("models", "verify")):
        assert all(name in ran.out for name in ("../up_v0.tar.gz", "a//b_v0.tar.gz", "t/.tar.gz"))
    if verb == ("models", "list", "--json"):
        assert {one["model"] for one in ran.json} == {*ODD_KEYS, "add_sub_v0.tar.gz"}


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_an_unreadable_alias_is_a_note(published, mme, verb: tuple[str, ...]) -> None:
    mme("models", "promote", "add_sub_v0.tar.gz", "--as", "add_sub@prod")
    for name, body in (("x@prod", b"["), ("y@prod", json.dumps({"format": 1, "target": "z"}).encode())):
        published.put_object(Bucket="models", Key=f".mme/models/@aliases/{name}.json", Body=body)
    ran = mme(*verb)
    assert ran.status == 0, ran.err
    assert ("x@prod" in ran.err) is (verb[1] != "verify")
    assert ("add_sub@prod" in ran.out) is (verb[1] not in ("verify", "prune"))


def test_an_unreadable_alias_can_be_deleted(published, mme) -> None:
    published.put_object(Bucket="models", Key=".mme/models/@aliases/add_sub@prod.json", Body=b"[")
    ran = mme("models", "promote", "add_sub_v0.tar.gz", "--as", "add_sub@prod")
    assert ran.status == 2
    assert "mme models unalias add_sub@prod" in ran.err
    assert mme("models", "unalias", "add_sub@prod", "--yes").status == 0
    assert mme("models", "promote", "add_sub_v0.tar.gz", "--as", "add_sub@prod").status == 0


def test_warnings_and_what_is_left_out_are_printed(aws, mme, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "config.pbtxt").write_text(CONFIG + "instance_group { kind: KIND_GPU }")
    (tmp_path / "m" / "1" / "model.py").write_text(CODE)
    (tmp_path / "m" / ".env").write_text("SECRET=1")
    ran = mme("models", "add", tmp_path / "m")
    assert ran.status == 0
    assert "warning m: instance group 0 in config.pbtxt is KIND_GPU; a CPU endpoint can't load it" in ran.err
    assert "left out m: .env" in ran.err
    for number in range(6):
        (tmp_path / "m" / f".env.{number}").write_text("SECRET=1")
    listed = ".env, .env.0, .env.1, .env.2, .env.3 and 2 more"
    assert f"left out m: {listed}" in mme("models", "add", tmp_path / "m").err
    assert f"left out: {listed}" in mme("archives", "explain", tmp_path / "m").out


def extended(kind: bytes, size: int, content: bytes) -> bytes:
    info = member("header", b"", kind)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT) + content


def pax_records(count: int) -> Iterator[bytes]:
    for number in range(count):
        record = f"comment={number:06}\n"
        yield extended(
            tarfile.XHDTYPE, len(record) + 3, f"{len(record) + 3} {record}".encode().ljust(512, b"\0")
        )


def negative_size(content: bytearray) -> None:
    content[124:136] = b"\xff" * 12
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])


def one_bit(content: bytearray) -> None:
    content[1024 + 20] ^= 1


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a name of 64 MiB": (
        lambda: gzip.compress(extended(tarfile.GNUTYPE_LONGNAME, 2**26, bytes(2**26)) + tar(FLAT), 1),
        "claim 67,109,376 bytes",
    ),
    "20,000 pax headers": (lambda: gzip.compress(b"".join(pax_records(20_000))), "extended headers"),
    "a negative size": (lambda: edited(negative_size), "a header makes no sense|not a tar|negative size"),
    "one bit of a header": (lambda: edited(one_bit), "the tar is damaged after config.pbtxt"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_one_error_in_bounded_memory(published, mme, content, reason: str) -> None:
    published.put_object(Bucket="models", Key="models/bad_v0.tar.gz", Body=content())
    tracemalloc.start()
    try:
        diff = mme("models", "diff", "add_sub_v0.tar.gz", "bad_v0.tar.gz")
        verify = mme("models", "verify", "bad_v0.tar.gz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
    assert (diff.status, verify.status) == (2, 1)
    assert "bad_v0.tar.gz is damaged" in diff.err
    assert len(diff.err.splitlines()) <= 2
    for text in (diff.err, verify.out):
        assert any(one in text for one in reason.split("|"))

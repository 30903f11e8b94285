"""Each broken archive has its code and message."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mme.archives.explain import explain
from tests.archives.archive_builder import CODE, CONFIG, FLAT, member, tar
from tests.archives.broken_configs import CONFIGS
from tests.archives.broken_elsewhere import CONTAINERS, WITH_AN_ENDPOINT
from tests.archives.broken_files import FILES
from tests.archives.broken_layouts import LAYOUTS
from tests.archives.broken_onnx import ONNX
from tests.archives.finding_codes import codes_in_the_source

CASES = FILES | LAYOUTS | CONFIGS | CONTAINERS | ONNX


@pytest.mark.parametrize(("content", "code", "words"), CASES.values(), ids=CASES)
def test_a_broken_archive_gets_its_own_message(content: bytes, code: str, words: str) -> None:
    found = explain(io.BytesIO(content))
    assert code in found.codes
    finding = next(one for one in found.findings if one.code == code)
    assert words in finding.message
    assert finding.hint
    assert found.servable is not any(one.severity == "error" for one in found.findings)


@pytest.mark.parametrize(
    ("content", "options", "code", "words"), WITH_AN_ENDPOINT.values(), ids=WITH_AN_ENDPOINT
)
def test_what_is_wrong_for_one_endpoint(
    content: bytes, options: dict[str, Any], code: str, words: str
) -> None:
    found = explain(io.BytesIO(content), **options)
    assert code in found.codes
    assert words in next(one.message for one in found.findings if one.code == code)


def test_every_code_has_its_broken_archive() -> None:
    """Those with tests of their own apart."""
    elsewhere = {"sparse-file", "huge", "unreadable", "empty-directory", "left-out", "onnx-too-large"}
    of_directories_and_unpacking = {
        "not-found",
        "not-a-directory",
        "changed-while-packed",
        "not-writable",
    }
    tested = {code for _, code, _ in CASES.values()} | {code for _, _, code, _ in WITH_AN_ENDPOINT.values()}
    assert tested | elsewhere | of_directories_and_unpacking == set(codes_in_the_source())


def gnu_sparse(unpacked: int = 10**6) -> bytes:
    """A file of which 5 bytes are stored, and the rest is a hole."""
    info = member("1/weights", b"", tarfile.GNUTYPE_SPARSE)
    info.size = 5
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 5)
    block[483:495] = b"\x80" + unpacked.to_bytes(11)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + b"hello".ljust(512, b"\0") + tar(FLAT), mtime=0)


def test_a_sparse_file_weighs_what_it_unpacks_to() -> None:
    found = explain(io.BytesIO(gnu_sparse()))
    assert found.codes == ("sparse-file",)
    assert found.unpacked_bytes == 10**6 + len(CONFIG) + len(CODE)


def test_more_than_the_memory() -> None:
    content = gnu_sparse(unpacked=20 * 2**30)
    assert "huge" not in explain(io.BytesIO(content)).codes
    found = explain(io.BytesIO(content), instance_type="ml.g4dn.xlarge")
    assert "it unpacks to 20.0 GiB; the GPU of ml.g4dn.xlarge has 16 GiB" in found.warnings[0].message
    assert found.servable


def test_an_empty_directory(tmp_path: Path) -> None:
    found = explain(tmp_path)
    assert found.codes == ("empty-directory",)
    assert not found.servable

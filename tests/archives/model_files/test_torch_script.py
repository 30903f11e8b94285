"""TorchScript's forward function, read from its code."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.model_files.content_stream import FileStream
from mme.archives.model_files.torch_script import TorchScript, read_torch_script, torch_script_of
from mme.errors import MmeError
from tests.archives.model_files.torch_builder import CODE, write_torch


def read(path: Path) -> TorchScript:
    with path.open("rb") as file:
        return read_torch_script(file, path.name)


def test_arguments_and_what_it_returns(tmp_path: Path) -> None:
    found = read(write_torch(tmp_path / "model.pt"))
    assert found.arguments == (("x", "Tensor"), ("mask", "Optional[Tensor]"))
    assert found.returns == ("Tensor", "Dict[str, Tensor]")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "is weights or a pickled module, not TorchScript"),
        (CODE.replace("Doubler(", "Tripler("), "has no forward function"),
    ],
)
def test_what_has_no_forward(tmp_path: Path, code: str | None, message: str) -> None:
    with pytest.raises(MmeError, match=message) as caught:
        read(write_torch(tmp_path / "model.pt", code))
    assert caught.value.hint


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(MmeError, match="is not TorchScript, which is a zip file"):
        read(path)
    for name, message in {
        "x/y": "is a zip file, not",
        "m/serialized_exported_program.json": "of torch.export",
    }.items():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "")
        with pytest.raises(MmeError, match=message):
            read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/code/__torch__.py", CODE)
    with pytest.raises(MmeError, match="is damaged: its data names no class"):
        read(path)


@pytest.mark.parametrize("weights", [0, 10_000_000])
def test_as_a_stream_whose_weights_are_skipped(tmp_path: Path, weights: int) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data/0", bytes(weights))
    with zipfile.ZipFile(write_torch(tmp_path / "other.pt")) as parts, zipfile.ZipFile(path, "a") as archive:
        for name in parts.namelist():
            archive.writestr(name, parts.read(name))
    content = path.read_bytes()
    found = torch_script_of(FileStream.of(content), len(content))
    assert found == read(path)
    assert found.text == "forward(x: Tensor, mask: Optional[Tensor]) -> Tensor, Dict[str, Tensor]"
    assert torch_script_of(FileStream.of(content[:-30]), len(content)) is None


@given(st.binary(max_size=300), st.integers(0, 600))
def test_foreign_bytes_are_not_torch_script(content: bytes, at: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/code/__torch__/net.py", CODE)
    whole = bytearray(buffer.getvalue())
    whole[at : at + len(content)] = content
    assert torch_script_of(FileStream.of(bytes(whole)), len(whole)) is None

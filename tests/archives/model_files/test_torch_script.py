"""TorchScript's forward function, read from its code."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mme.archives.model_files.torch_script import TorchScript, read_torch_script
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

"""A new model directory is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mme.archives.errors import ArchiveError
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from mme.registry.drafts.draft import Draft, DraftOptions, write_draft
from mme.registry.drafts.from_file import model_from_file
from mme.registry.drafts.tensor_option import parse_tensor
from mme.registry.tiny_onnx import doubling_model

CONFIG = b'platform: "onnxruntime_onnx" max_batch_size: 8'


def test_what_the_container_refuses_is_not_left_behind(tmp_path: Path) -> None:
    draft = Draft({"config.pbtxt": CONFIG, "1/model.onnx": b"x"}, {"build_net.py": b""})
    with pytest.raises(ArchiveError):
        write_draft(draft, tmp_path / "new" / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_not_be_copied_leaves_nothing(tmp_path: Path) -> None:
    draft = Draft({"config.pbtxt": CONFIG, "1/model.onnx": tmp_path / "absent"})
    with pytest.raises(MmeError, match="net can't be written: no such file"):
        write_draft(draft, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["net", "build_net.py"])
def test_nothing_is_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    draft = Draft({"config.pbtxt": CONFIG, "1/model.onnx": doubling_model()}, {"build_net.py": b""})
    with pytest.raises(MmeError, match=f"{name} exists already"):
        write_draft(draft, tmp_path / "net")
    assert (tmp_path / name).read_text() == "mine"


def test_unknown_kinds_list_what_is_supported(tmp_path: Path) -> None:
    path = tmp_path / "notes.bin"
    path.write_text("hello")
    with pytest.raises(MmeError, match=r"notes.bin is not a model of a known kind") as caught:
        model_from_file("net", path, DraftOptions(), tmp_path)
    assert ".onnx" in str(caught.value.hint)
    with pytest.raises(MmeError, match="there is no"):
        model_from_file("net", tmp_path / "absent.onnx", DraftOptions(), tmp_path)
    with pytest.raises(MmeError, match="has a folder"):
        model_from_file("a/net", path, DraftOptions(), tmp_path)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("image:FP32:3,224,224", TensorSpec("image", "FP32", (3, 224, 224))),
        ("serving/x:0:float32:-1", TensorSpec("serving/x:0", "FP32", (-1,))),
        ("text:TYPE_STRING:[1]", TensorSpec("text", "BYTES", (1,))),
        ("age:int64:", TensorSpec("age", "INT64", ())),
    ],
)
def test_tensors_on_the_command_line(text: str, spec: TensorSpec) -> None:
    assert parse_tensor(text, "--input") == spec


@pytest.mark.parametrize("text", ["", "x", "x:FP32", ":FP32:4", "x:FP99:4", "x:FP32:a", "x:FP32:0"])
def test_tensors_that_are_written_otherwise(text: str) -> None:
    with pytest.raises(MmeError) as caught:
        parse_tensor(text, "--input")
    assert "NAME:TYPE:DIMS" in str(caught.value.hint)

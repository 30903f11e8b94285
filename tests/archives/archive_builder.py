"""Small archives, valid ones and ones with a single fault."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

Files = Mapping[str, str | bytes | None]
"""Content by path; None makes a directory."""

TENSORS = """
input [ { name: "X" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 3 ] } ]
"""
CONFIG = 'backend: "python"' + TENSORS
CODE = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        inputs = [pb_utils.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", x * 2)]) for x in inputs]
"""
COMPLETING_CODE = (
    CODE
    + """
    @staticmethod
    def auto_complete_config(config):
        config.set_max_batch_size(0)
        config.add_input({"name": "X", "data_type": "TYPE_FP32", "dims": [3]})
        config.add_output({"name": "Y", "data_type": "TYPE_FP32", "dims": [3]})
        return config
"""
)
CALLING_CODE = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.helper = "helper"

    def execute(self, requests):
        call = pb_utils.InferenceRequest(model_name=self.helper, inputs=[], requested_output_names=["Y"])
        return [call.exec() for _ in requests]
"""
ENSEMBLE = (
    """
platform: "ensemble"
ensemble_scheduling { step [ {
  model_name: "first" model_version: -1
  input_map { key: "X" value: "X" } output_map { key: "Y" value: "Y" }
} ] }
"""
    + TENSORS
)
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102400000\n"

FLAT: Files = {"config.pbtxt": CONFIG, "1/model.py": CODE}
STEP: Files = {"first/config.pbtxt": CONFIG, "first/1/model.py": CODE}
PIPELINE: Files = {"both/config.pbtxt": ENSEMBLE, "both/1": None, **STEP}


def flat(config: str | bytes = CONFIG, code: str = CODE, **more: str | bytes | None) -> Files:
    """A flat python model; `more` with `__` for slashes."""
    return {
        "config.pbtxt": config,
        "1/model.py": code,
        **{name.replace("__", "/"): content for name, content in more.items()},
    }


def pipeline(config: str = ENSEMBLE, **changes: str) -> Files:
    """An ensemble with one step; texts in `changes` replace others in its config."""
    for old, new in changes.items():
        assert old in config
        config = config.replace(old, new)
    return {"both/config.pbtxt": config, "both/1": None, **STEP}


def member(name: str, content: str | bytes | None = b"x", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A tar member's header."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if content is None else kind
    info.size = len(content) if content and kind == tarfile.REGTYPE else 0
    return info


def tar(files: Files, *extra: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """An uncompressed tar, or a compressed one with another mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            archive.addfile(member(name, raw), io.BytesIO(raw or b""))
        for info, raw in extra:
            archive.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def pack(files: Files, *extra: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar.gz."""
    return gzip.compress(tar(files, *extra), mtime=0)


def write_files(root: Path, files: Files) -> Path:
    """Write a directory of these files and return it."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def with_link(name: str, target: str, kind: bytes) -> bytes:
    """A flat model and a link."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return pack(FLAT, (info, b""))


def with_kind(name: str, kind: bytes) -> bytes:
    """A flat model and a special file."""
    return pack(FLAT, (member(name, b"", kind), b""))


def edited(change: Callable[[bytearray], None], files: Files = FLAT) -> bytes:
    """A tar.gz whose tar was changed by hand."""
    content = bytearray(tar(files))
    change(content)
    return gzip.compress(bytes(content), mtime=0)


def nameless(name: str, kind: bytes) -> bytes:
    """A flat model, and a member with such a name written as it is: tarfile would correct it."""
    block = bytearray(member("x" * max(1, len(name)), b"", kind).tobuf())
    block[: max(1, len(name))] = name.encode() or b"\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + tar(FLAT), mtime=0)

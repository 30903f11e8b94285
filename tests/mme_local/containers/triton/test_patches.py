from __future__ import annotations

import re
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.triton import patches
from mme_local.containers.triton.wheel import TritonWheel, why_not_here

ORIGINAL = rb"(\/opt\/ml\/models\/[0-9A-Za-z._]+)\/(model)"


@pytest.mark.parametrize("root", ["/tmp/mme-local-4747-k3_x9abc", "/home/zoë/a.b+c", f"/long/{'x' * 99}"])
def test_models_are_accepted_below_one_folder(root: str) -> None:
    rule = patches._model_root(Path(root))
    assert len(rule) == len(ORIGINAL)
    assert re.fullmatch(rule, f"{root}/instances/0/models/abc.0/model".encode())
    assert not re.fullmatch(rule, b"/tmp/other/instances/0/models/abc.0/model")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    server = tmp_path / "bin" / "tritonserver"
    server.write_bytes(b"anything")
    with pytest.raises(MmeError, match="bin/tritonserver of nvidia-pytriton is not the file"):
        patches.patched_server(server, tmp_path)


@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_each_patch_changes_what_it_should(tmp_path: Path) -> None:
    wheel = TritonWheel.find()
    for path, patched, changed in (
        (wheel.server, patches.patched_server(wheel.server, tmp_path), b"\x000.0.0\0"),
        (wheel.stub, patches.patched_stub(wheel.stub, numpy2=True), b"\x48\x63\x40\x28"),
        (
            wheel.python_backend / "libtriton_python.so",
            patches.patched_backend(wheel.python_backend / "libtriton_python.so"),
            b"././/python_env_",
        ),
    ):
        original = path.read_bytes()
        assert len(patched) == len(original)
        assert changed in patched
        assert changed not in original

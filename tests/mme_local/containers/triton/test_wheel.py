"""What Triton's wheel needs of a machine."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.triton import wheel
from mme_local.containers.triton.wheel import TritonWheel, why_not_here


@pytest.fixture(autouse=True)
def _a_machine_that_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.36")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / wheel.LIBPYTHON).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: None)


def test_a_library_in_the_environment_is_used(tmp_path: Path) -> None:
    assert why_not_here() is None
    assert wheel.libpython() == tmp_path / "lib" / wheel.LIBPYTHON


@pytest.mark.parametrize(
    ("target", "name", "value", "message"),
    [
        (platform, "system", lambda: "Darwin", "Linux x86-64 only; this is Darwin"),
        (platform, "machine", lambda: "aarch64", "Linux x86-64 only; this is Linux aarch64"),
        (os, "confstr", lambda name: "glibc 2.31", "glibc 2.35 or newer; this system has glibc 2.31"),
        (os, "confstr", lambda name: None, "this system has another C library"),
        (sys, "version_info", (3, 14, 0), "no process for Python"),
        (sys, "prefix", "/nowhere", f"needs {wheel.LIBPYTHON}"),
    ],
)
def test_a_machine_that_lacks_something_gets_the_alternatives(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, value: object, message: str
) -> None:
    monkeypatch.setattr(wheel, "_BUNDLED_LIBPYTHON", "")
    monkeypatch.setattr(target, name, value)
    with pytest.raises(MmeError, match=message) as caught:
        TritonWheel.find()
    assert "docker run" in str(caught.value.hint)


@pytest.mark.parametrize(("builtin", "lacks"), [(("sys",), False), (("sys", "_struct"), True)])
def test_the_library_of_the_wheel_fits_a_python_whose_modules_are_files(
    monkeypatch: pytest.MonkeyPatch, builtin: tuple[str, ...], lacks: bool
) -> None:
    """Debian's Python has `_struct` built in; the wheel's library looks for a file."""
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setattr(wheel, "_BUNDLED_LIBPYTHON", wheel._PYTHON)
    monkeypatch.setattr(sys, "builtin_module_names", builtin)
    assert wheel.lacks_libpython() is lacks

"""The Python of models: this environment's packages, whatever their path, without this project's folders."""

from __future__ import annotations

import json
import site
import subprocess
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.wheel import libpython, why_not_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.triton,
    pytest.mark.skipif(why_not_here() is not None, reason=f"Triton can't run here: {why_not_here()}"),
]

# What a model may import. The stub's Python is isolated and reads paths as ASCII, like this one.
PYTHON = ("python3", "-I", "-X", "utf8=0", "-c")
IMPORTABLE = """
import importlib.util, json, sys
assert sys.getfilesystemencoding() == "ascii"
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


def importable(installation: TritonInstallation, *names: str) -> list[str]:
    environment = {**installation.environment, "LC_ALL": "C"}
    done = subprocess.run(
        [*PYTHON, IMPORTABLE, *names], env=environment, capture_output=True, text=True, check=True, cwd="/"
    )
    return list(json.loads(done.stdout))


def test_packages_are_found_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "Téléchargements" / "site-packages"
    for name in ("tokens", "Téléchargements/more", "plain/extra"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").touch()
    (packages / "umlaut.pth").write_text(f"{packages}/Téléchargements\n", "utf-8")
    (packages / "plain.pth").write_text("plain\n")
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(packages)])

    installation = TritonInstallation.create(tmp_path / "private")

    assert importable(installation, "tokens", "extra", "more") == ["tokens", "extra"]


def test_a_model_sees_packages_but_not_the_sources_of_this_project(tmp_path: Path) -> None:
    installation = TritonInstallation.create(tmp_path / "private")
    assert importable(installation, "numpy", "onnxruntime", "tests", "stacks") == ["numpy", "onnxruntime"]


def test_the_stub_loads_the_library_of_this_python(tmp_path: Path) -> None:
    if not libpython():
        pytest.skip("this Python has no shared library: the stub loads the wheel's")
    installation = TritonInstallation.create(tmp_path / "private")
    environment = {**installation.environment, "LD_TRACE_LOADED_OBJECTS": "1"}
    stub = installation.backends / "python" / "triton_python_backend_stub"
    loaded = subprocess.run([stub], env=environment, capture_output=True, text=True, check=True).stdout
    (library,) = [line for line in loaded.splitlines() if "libpython" in line]
    assert str(tmp_path / "private" / "lib") in library


def test_a_shell_can_expand_the_folders_of_libraries(tmp_path: Path) -> None:
    """The wheel may be in a checkout whose path holds a space."""
    installation = TritonInstallation.create(tmp_path / "private")
    folders = [Path(folder) for folder in installation.environment["LD_LIBRARY_PATH"].split(":")]
    assert all(folder.is_relative_to(tmp_path / "private") for folder in folders)
    assert all(folder.is_dir() for folder in folders)


def test_a_temporary_folder_that_python_cannot_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="is not ASCII") as caught:
        TritonInstallation.create(tmp_path / "Téléchargements" / "private")
    assert "TMPDIR" in str(caught.value.hint)

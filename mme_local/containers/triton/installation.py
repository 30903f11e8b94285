"""A private Triton in the local endpoint's folder: patched server, python stub, backends."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from mme.archives.triton import onnxruntime_rules
from mme.archives.triton.shell import first_shell_metacharacter
from mme.errors import MmeError
from mme_local.containers.triton import patches
from mme_local.containers.triton.backend_rules import torchscript_rules
from mme_local.containers.triton.wheel import TritonWheel, has_torch, libpython

_OWN_BACKENDS = Path(__file__).parent / "backends"
_RULES = {
    "onnxruntime": Path(onnxruntime_rules.__file__),
    "pytorch": Path(torchscript_rules.__file__),
}
"""What each of our own backends checks a configuration by: copied next to it."""
_MODEL_PACKAGES = Path(__file__).with_name("model_packages.py")
_PRINT_UTF8 = b"""

import sys as _sys

for _stream in (_sys.stdout, _sys.stderr):
    if _stream is not None:
        _stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
"""
"""Added to the module that every model's process imports first: its Python takes no variables, and would
print ASCII only, and a model's lines once 8 KiB are full."""
_LIBPYTHON_NAME = re.compile(rb"libpython3[\w.-]*\.so\.1\.0")
_STUB_CHECK_SECONDS = 20
_LOADER_FAILED = 127
"""Exit status if shared libraries are missing; a healthy stub without arguments exits 1."""


@dataclass(frozen=True, slots=True)
class TritonInstallation:
    """The files and variables that start servers.

    Attributes:
        server: The program.
        backends: Folder for ``--backend-directory``.
        environment: Variables that the server and its python processes need.
        backend_names: Backends that models may name.
    """

    server: Path
    backends: Path
    environment: dict[str, str]
    backend_names: tuple[str, ...]

    @classmethod
    def create(cls, folder: Path, root: Path | None = None) -> TritonInstallation:
        """Make an installation; takes about 0.1 s and 25 MB.

        Args:
            folder: Must not exist.
            root: The server accepts models below this folder only; by default the parent of ``folder``.

        Raises:
            MmeError: The wheel is missing or unknown, its python process can't start here, or the folder's
                name is not ASCII or holds a shell metacharacter.
        """
        if letter := first_shell_metacharacter(str(folder)):
            raise MmeError(
                f"the folder {str(folder.parent)!r} holds {letter!r}; Triton's python backend passes it to a "
                "shell unquoted",
                hint="set TMPDIR to another folder",
            )
        if not str(folder).isascii():
            raise MmeError(
                f"the folder {str(folder.parent)!r} is not ASCII; the Python of models can't read it",
                hint="set TMPDIR to another folder",
            )
        wheel = TritonWheel.find()
        backends = folder / "backends"
        python = backends / "python"
        python.mkdir(parents=True)
        numpy2 = int(version("numpy").split(".")[0]) >= 2

        server = folder / "bin" / "tritonserver"
        server.parent.mkdir()
        _write_program(server, patches.patched_server(wheel.server, root or folder.parent))
        stub = python / wheel.stub.name
        _write_program(stub, patches.patched_stub(wheel.stub, numpy2=numpy2))
        # Copies, never links: Triton refuses a library whose real path is outside its backend's folder.
        library = wheel.python_backend / "libtriton_python.so"
        (python / library.name).write_bytes(patches.patched_backend(library))
        helper = wheel.python_backend / "triton_python_backend_utils.py"
        (python / helper.name).write_bytes(helper.read_bytes() + _PRINT_UTF8)
        names = ["python"]
        for source in sorted(_OWN_BACKENDS.iterdir()):
            if not source.is_dir() or (source.name == "pytorch" and not has_torch()):
                continue
            (backends / source.name).mkdir()
            for file in (source / "model.py", _RULES[source.name]):
                shutil.copyfile(file, backends / source.name / file.name)
            names.append(source.name)

        installation = cls(server, backends, _environment(folder, wheel), tuple(names))
        installation._check_stub(stub)
        return installation

    def _check_stub(self, stub: Path) -> None:
        """Raise MmeError if the stub can't start, which would make every load hang."""
        tried = subprocess.run(
            [str(stub)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_STUB_CHECK_SECONDS,
            check=False,
        )
        if tried.returncode == _LOADER_FAILED:
            raise MmeError(
                f"Triton's python process can't start: {tried.stderr.strip().splitlines()[-1]}",
                hint="install the library that it names",
            )


def _write_program(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o700)


def _environment(folder: Path, wheel: TritonWheel) -> dict[str, str]:
    """Return the server's variables: ours, without those that would mislead its Python.

    The stub embeds an isolated Python, which finds its packages by the first ``python3`` on PATH and the
    ``pyvenv.cfg`` above it, not by PYTHONPATH.
    """
    libraries = folder / "lib"
    libraries.mkdir()
    if shared := libpython():
        # Its folder may hold other libraries too: link this one alone, by the name that the stub asks for.
        for name in set(_LIBPYTHON_NAME.findall(wheel.stub.read_bytes())):
            (libraries / name.decode()).symlink_to(shared)
    # By a link: for a model with an environment, the backend expands this variable in a shell, unquoted.
    (folder / "wheel").symlink_to(wheel.libraries)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "SAGEMAKER_", "LD_"))
    }
    programs = (str(_model_python(folder / "python")), str(Path(sys.executable).parent))
    return inherited | {
        "PATH": os.pathsep.join((*programs, os.environ.get("PATH", "/usr/bin:/bin"))),
        "LD_LIBRARY_PATH": f"{libraries}{os.pathsep}{folder / 'wheel'}",
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime writes to HOME and /tmp, and reports to Microsoft
    }


def _model_python(folder: Path) -> Path:
    """Make the environment of models and return its folder of programs.

    It has this environment's packages, but not this project's ``.pth`` file, which adds its source folders.
    The stub's Python reads paths and ``.pth`` files as ASCII, so packages are reached by links.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable))
    programs = folder / "bin"
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for each in (programs, packages):
        each.mkdir(parents=True)
    home = base.parent
    if not str(home).isascii():
        (folder / "base").symlink_to(home)
        home = folder / "base"
    (programs / "python3").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n", "utf-8")
    try:
        own = {path.name for path in distribution("sagemaker-mme").files or () if path.suffix == ".pth"}
    except PackageNotFoundError:
        own = set()
    sources = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    for number, source in enumerate(sources):
        (packages / f"{_MODEL_PACKAGES.stem}_{number}").symlink_to(source)
    shutil.copyfile(_MODEL_PACKAGES, packages / _MODEL_PACKAGES.name)
    (packages / f"{_MODEL_PACKAGES.stem}.pth").write_text(
        f"import {_MODEL_PACKAGES.stem}; {_MODEL_PACKAGES.stem}.add({len(sources)}, {sorted(own)!a})\n"
    )
    return programs

"""A private Triton in the runtime's folder: patched server, python stub, backends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mme.errors import MmeError
from mme_local.containers.triton import patches
from mme_local.containers.triton.shell import first_shell_metacharacter
from mme_local.containers.triton.wheel import TritonWheel, has_torch, libpython

_OWN_BACKENDS = Path(__file__).parent / "backends"
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
                name holds a shell metacharacter.
        """
        if letter := first_shell_metacharacter(str(folder)):
            raise MmeError(
                f"the folder {str(folder.parent)!r} holds {letter!r}; Triton's python backend passes it to a "
                "shell unquoted",
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
        helper = "triton_python_backend_utils.py"
        shutil.copyfile(wheel.python_backend / helper, python / helper)
        names = ["python"]
        for source in sorted(_OWN_BACKENDS.iterdir()):
            if not source.is_dir() or (source.name == "pytorch" and not has_torch()):
                continue
            shutil.copytree(source, backends / source.name, ignore=shutil.ignore_patterns("__pycache__"))
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
            major, minor = sys.version_info[:2]
            raise MmeError(
                f"Triton's python process can't start: {tried.stderr.strip().splitlines()[-1]}",
                hint=f"this Python {major}.{minor} has no shared library: install it "
                f"(Debian, Ubuntu: apt install libpython{major}.{minor}) or use a Python built with "
                "--enable-shared, for example Python 3.13, whose library is in Triton's wheel",
            )


def _write_program(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o700)


def _environment(folder: Path, wheel: TritonWheel) -> dict[str, str]:
    """Return the server's variables: ours, without those that would mislead its Python.

    The stub embeds an isolated Python, which finds its packages by the first ``python3`` on PATH and the
    ``pyvenv.cfg`` next to it, not by PYTHONPATH.
    """
    libraries = folder / "lib"
    libraries.mkdir()
    shared = libpython()
    if shared:
        # Its folder may hold other libraries too: link this one alone.
        (libraries / shared.name).symlink_to(shared)
    programs = Path(sys.executable).parent
    if not (programs / "python3").exists():
        programs = folder / "python"
        programs.mkdir()
        (programs / "python3").symlink_to(sys.executable)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "SAGEMAKER_", "LD_"))
    }
    return inherited | {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        "LD_LIBRARY_PATH": f"{libraries}{os.pathsep}{wheel.libraries}",
    }

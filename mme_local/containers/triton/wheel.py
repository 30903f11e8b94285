"""Find the ``tritonserver`` of the ``nvidia-pytriton`` wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from mme.errors import MmeError

SUPPORTED_PYTHONS = ((3, 11), (3, 12), (3, 13))
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{_PYTHON}.so.1.0"
"""The shared library that the python backend's process loads."""

_BUNDLED_LIBPYTHON = "3.13"
"""The one Python whose library is in the wheel; it fits a Python whose modules are files, as `_struct` is."""

_LEAST_GLIBC = (2, 35)
"""Source: the wheel's tag, manylinux_2_35_x86_64."""

_ELSEWHERE = (
    'or in Docker: docker run --rm --platform linux/amd64 -v "$PWD":/src -w /src python:3.12 make demo'
)


@dataclass(frozen=True, slots=True)
class TritonWheel:
    """The files of the wheel that a private installation needs.

    Attributes:
        server: The ``tritonserver`` program.
        python_backend: Folder of the python backend.
        stub: The python backend's process for the running Python.
        libraries: Folder of shared libraries.
    """

    server: Path
    python_backend: Path
    stub: Path
    libraries: Path

    @classmethod
    def find(cls) -> TritonWheel:
        """Locate the wheel without importing it.

        Raises:
            MmeError: This platform has no such wheel, or it is not installed.
        """
        if error := unsupported():
            raise error
        try:
            files = importlib.metadata.distribution("nvidia-pytriton")
        except importlib.metadata.PackageNotFoundError:
            raise MmeError(
                "NVIDIA's Triton server is not installed: the package nvidia-pytriton is missing",
                hint='install the local endpoint: pip install "sagemaker-mme[local]"',
            ) from None
        root = Path(str(files.locate_file("pytriton"))) / "tritonserver"
        return cls(
            server=root / "bin" / "tritonserver",
            python_backend=root / "backends" / "python",
            stub=root / "python_backend_stubs" / _PYTHON / "triton_python_backend_stub",
            libraries=Path(str(files.locate_file("nvidia_pytriton.libs"))),
        )


def why_not_here() -> str | None:
    """Return why Triton can't run on this machine; None if it can."""
    error = unsupported()
    return error.message if error else None


def unsupported() -> MmeError | None:
    """Return the error that names what this machine lacks to run Triton; None if it lacks nothing."""
    if error := unsupported_platform():
        return error
    if lacks_libpython():
        return MmeError(
            f"Triton's python backend needs {LIBPYTHON}, which this Python {platform.python_version()} lacks",
            hint=f"install it (Debian, Ubuntu: sudo apt-get install libpython{_PYTHON}) or another Python, "
            f"{_ELSEWHERE}",
        )
    return None


def unsupported_platform() -> MmeError | None:
    """Return the error that names the platform or Python that has no wheel; None if there is one."""
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in {"x86_64", "AMD64"}:
        return MmeError(
            f"NVIDIA publishes Triton's wheel for Linux x86-64 only; this is {system} {machine}",
            hint=f"run it on Linux x86-64, {_ELSEWHERE}",
        )
    glibc = _glibc()
    if glibc < _LEAST_GLIBC:
        have = "glibc {}.{}".format(*glibc) if any(glibc) else "another C library"
        return MmeError(
            "Triton's wheel needs glibc {}.{} or newer; ".format(*_LEAST_GLIBC) + f"this system has {have}",
            hint=f"run it on Debian 12, Ubuntu 22.04 or newer, {_ELSEWHERE}",
        )
    if sys.version_info[:2] not in SUPPORTED_PYTHONS:
        return MmeError(
            f"Triton's python backend has no process for Python {platform.python_version()}",
            hint=f"use Python 3.11, 3.12 or 3.13, {_ELSEWHERE}",
        )
    return None


def _glibc() -> tuple[int, int]:
    """Return glibc's version; (0, 0) if the C library is another one, such as musl."""
    try:
        major, minor = (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ").split(".")[:2]
        return int(major), int(minor)
    except (ValueError, OSError):
        return 0, 0


def lacks_libpython() -> bool:
    """Return whether neither this Python nor the wheel has a shared library that the stub can load."""
    if libpython():
        return False
    return _PYTHON != _BUNDLED_LIBPYTHON or "_struct" in sys.builtin_module_names


def libpython() -> Path | None:
    """Return the running Python's shared library: from this environment, or from Python's own folder."""
    folders = [Path(sys.prefix, "lib")]
    if configured := sysconfig.get_config_var("LIBDIR"):
        folders += [Path(configured), Path(configured, str(sysconfig.get_config_var("MULTIARCH")))]
    return next((path for folder in folders if (path := folder / LIBPYTHON).is_file()), None)


def has_torch() -> bool:
    """Whether TorchScript models can be served: torch is optional."""
    return importlib.util.find_spec("torch") is not None

"""Find the ``tritonserver`` of the ``nvidia-pytriton`` wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from mme.errors import MmeError

SUPPORTED_PYTHONS = ((3, 11), (3, 12), (3, 13))


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
        unsupported = why_not_here()
        if unsupported:
            raise MmeError(
                unsupported,
                hint="run the local endpoint on Linux x86-64, or in a container: "
                "docker run --platform linux/amd64 -it -v $PWD:/src -w /src python:3.12 make demo; "
                "publishing, listing, calling and `cdk deploy` work here",
            )
        try:
            files = importlib.metadata.distribution("nvidia-pytriton")
        except importlib.metadata.PackageNotFoundError:
            raise MmeError(
                "NVIDIA's Triton server is not installed: the package nvidia-pytriton is missing",
                hint='install the local endpoint: pip install "sagemaker-mme[local]"',
            ) from None
        root = Path(str(files.locate_file("pytriton"))) / "tritonserver"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cls(
            server=root / "bin" / "tritonserver",
            python_backend=root / "backends" / "python",
            stub=root / "python_backend_stubs" / version / "triton_python_backend_stub",
            libraries=Path(str(files.locate_file("nvidia_pytriton.libs"))),
        )


def why_not_here() -> str | None:
    """Return why the wheel can't run on this machine; None if it can."""
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in {"x86_64", "AMD64"}:
        return f"NVIDIA publishes Triton's wheel for Linux x86-64 only; this is {system} {machine}"
    if sys.version_info[:2] not in SUPPORTED_PYTHONS:
        return (
            f"Triton's python backend has no process for Python {platform.python_version()}; use 3.11 to 3.13"
        )
    return None


def libpython() -> Path | None:
    """Return the running Python's shared library, if it was built with one."""
    name = sysconfig.get_config_var("INSTSONAME")
    folder = sysconfig.get_config_var("LIBDIR")
    if not name or not folder or ".so" not in name:
        return None
    path = Path(folder) / name
    return path if path.is_file() else None


def has_torch() -> bool:
    """Whether TorchScript models can be served: torch is optional."""
    return importlib.util.find_spec("torch") is not None

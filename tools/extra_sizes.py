"""Print the installed size of each extra, as `pip install "sagemaker-mme[EXTRA]"` leaves it: with bytecode.

Each is installed into an environment of its own, in the locked versions, and deleted again; it takes minutes.

Run it: python -m tools.extra_sizes [EXTRA ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

from tools.figures import ROOT

BASE: Final = "base"
_LEFT_OUT: Final = frozenset({"local-pytorch"})
"""Only by name: torch has some gigabytes, which depend on the index."""


def extras() -> list[str]:
    """Return the names of the extras, after that of the distribution without one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [BASE, *sorted(set(project["optional-dependencies"]) - _LEFT_OUT)]


def installed_size(extra: str) -> tuple[int, int]:
    """Install an extra, and return its bytes and its number of packages.

    Args:
        extra: Its name; `base` for none.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        wanted = str(ROOT) if extra == BASE else f"{ROOT}[{extra}]"
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(environment)], check=True)
        python = environment / "bin" / "python"
        install = ["pip", "install", "--compile-bytecode", "--python", str(python)]
        # Locked versions; the hashes of a constraint are not compared.
        locked = ["--constraint", str(ROOT / "requirements-dev.txt")]
        # uv gives a file 60 s; some of aws-cdk-lib's need more on a busy machine.
        patient = {**os.environ, "UV_COMPILE_BYTECODE_TIMEOUT": "3600"}
        subprocess.run([*uv, *install, *locked, wanted], check=True, env=patient)
        (packages,) = environment.glob("lib/python*/site-packages")
        size = sum(file.lstat().st_size for file in packages.rglob("*") if not file.is_dir())
        return size, len([*packages.glob("*.dist-info")])


def main(wanted: list[str]) -> None:
    """Print a line for each extra.

    Args:
        wanted: Names; all by default.
    """
    for extra in wanted or extras():
        size, packages = installed_size(extra)
        print(f"{extra:14} {size / 1e6:7,.0f} MB {packages:4} packages", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])

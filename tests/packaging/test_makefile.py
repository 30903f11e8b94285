"""`make` in a checkout whose path contains spaces and other letters, and with a Python that does not fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A Python that logs its calls; its environments hold programs that log theirs.
PYTHON = """\
#!/bin/sh
set -eu
echo "$(basename "$0") $*" >>"$CALLS"
if [ "${2:-}" = development ]; then
    mkdir -p "$3/bin"
    for name in python uv ruff lint-imports mypy pytest; do cp "$0" "$3/bin/$name"; done
    echo "command = python -m venv --clear $(pwd -P)/$3" >"$3/pyvenv.cfg"
elif [ "$1" = tools/install.py ]; then
    mkdir -p "$3"
fi
"""


def checkout(parent: Path) -> Path:
    """Copy what make needs into a folder below `parent`."""
    folder = parent / "mme copy"
    folder.mkdir(parents=True)
    for name in ("Makefile", "package.json", "package-lock.json", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for lock in ROOT.glob("requirements*"):
        shutil.copy(lock, folder)
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def make(folder: Path, *targets: str, status: int = 0, **variables: str) -> str:
    """Run make and return what it prints on stderr."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", *targets],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.fixture
def stub(tmp_path: Path) -> dict[str, str]:
    """Return variables with a Python and an npm that only log their calls."""
    folder = tmp_path / "a python"
    folder.mkdir()
    (folder / "python3").write_text(PYTHON)
    (folder / "npm").write_text("#!/bin/sh\nmkdir -p node_modules\n")
    for program in folder.iterdir():
        program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return {"PYTHON": str(folder / "python3"), "CALLS": str(tmp_path / "calls"), "PATH": path}


@pytest.mark.parametrize("parent", ["work stuff", "Téléchargements & co"])
def test_make_touches_its_own_checkout_only(parent: str, tmp_path: Path, stub: dict[str, str]) -> None:
    neighbours = [tmp_path / parent.split(" ", 1)[0], tmp_path / parent / "mme", tmp_path / parent / "copy"]
    folder = checkout(tmp_path / parent)
    for each in neighbours:
        (each / ".venv").mkdir(parents=True, exist_ok=True)
        (each / "canary").write_text("alive")
        (each / ".venv" / "canary").write_text("alive")

    make(folder, "install", "lint", ".venv/lowest/.installed", ".venv/checkov/.installed", **stub)

    assert (folder / ".venv" / ".installed").exists()
    calls = Path(stub["CALLS"]).read_text()
    assert "ruff check ." in calls
    assert "python tools/install.py lowest .venv/lowest" in calls

    make(folder, "clean", **stub)

    assert not (folder / ".venv").exists()
    assert not (folder / "node_modules").exists()
    for each in neighbours:
        assert (each / "canary").read_text() == "alive"
        assert (each / ".venv" / "canary").read_text() == "alive"


def test_a_moved_checkout_is_installed_again(tmp_path: Path, stub: dict[str, str]) -> None:
    folder = checkout(tmp_path)
    make(folder, "install", **stub)
    make(folder, "install", **stub)
    assert Path(stub["CALLS"]).read_text().count("development") == 1

    moved = folder.rename(tmp_path / "moved")
    make(moved, "install", **stub)
    assert Path(stub["CALLS"]).read_text().count("development") == 2

    (moved / ".venv" / "bin" / "python").write_text("#!/nowhere/python\n")
    make(moved, "install", **stub)
    assert Path(stub["CALLS"]).read_text().count("development") == 3


@pytest.mark.parametrize(
    ("script", "reason"),
    [("test $1 = --version && echo Python 3.10.12", "is Python 3.10.12"), (None, "is missing")],
)
@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_python_that_does_not_fit_is_named_first(
    tmp_path: Path, stub: dict[str, str], script: str | None, reason: str, target: str
) -> None:
    python = tmp_path / "python3.10"
    if script:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    error = make(checkout(tmp_path), target, status=2, **{**stub, "PYTHON": str(python)})
    assert f"error: Python 3.11, 3.12 or 3.13 is needed; {python} {reason}\n" in error
    assert not Path(stub["CALLS"]).exists()


def test_no_recipe_needs_bash() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert not re.search(r"\bbash\b|pipefail|<<<|\[\[", makefile)
    assert not [*(ROOT / "tools").glob("*.sh")]


def test_npm_prints_no_notices(tmp_path: Path, stub: dict[str, str]) -> None:
    folder = checkout(tmp_path)
    with (folder / "Makefile").open("a") as makefile:
        makefile.write('\nnotices:\n\t@echo "$$npm_config_update_notifier" >&2\n')
    assert make(folder, "notices", **stub) == "false\n"


def test_without_a_home_folder_caches_are_in_the_checkout(tmp_path: Path, stub: dict[str, str]) -> None:
    folder = checkout(tmp_path)
    with (folder / "Makefile").open("a") as makefile:
        makefile.write('\nhome:\n\t@echo "$$HOME" >&2\n')
    assert make(folder, "home", **stub, HOME="/nowhere") == f"{folder}/.home\n"
    assert make(folder, "home", **stub, HOME=str(tmp_path)) == f"{tmp_path}\n"

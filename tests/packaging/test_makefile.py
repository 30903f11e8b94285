"""`make` in a checkout whose path contains spaces and other letters."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A Python whose environments hold programs that only log their calls.
PYTHON = """\
#!/usr/bin/env bash
set -eu
log() { printf '%s\\n' "$*" >>"$CALLS"; }
if [ "$1" = -m ] && [ "$2" = venv ]; then
    folder=${!#}
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    for name in python uv ruff lint-imports mypy pytest; do cp "$0" "$folder/bin/$name"; done
fi
for word; do
    [ "${before:-}" = --target ] && mkdir -p "$word"
    before=$word
done
log "$(basename "$0")" "$@"
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


def make(folder: Path, *targets: str, **variables: str) -> None:
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
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("parent", ["work stuff", "Téléchargements & co"])
def test_make_touches_its_own_checkout_only(parent: str, tmp_path: Path) -> None:
    neighbours = [tmp_path / parent.split(" ", 1)[0], tmp_path / parent / "mme", tmp_path / parent / "copy"]
    folder = checkout(tmp_path / parent)
    for each in neighbours:
        (each / ".venv").mkdir(parents=True, exist_ok=True)
        (each / "canary").write_text("alive")
        (each / ".venv" / "canary").write_text("alive")
    python = tmp_path / "a python" / "python3"
    python.parent.mkdir()
    python.write_text(PYTHON)
    python.chmod(0o755)
    npm = python.with_name("npm")
    npm.write_text("#!/bin/sh\nmkdir -p node_modules\n")
    npm.chmod(0o755)
    calls = tmp_path / "calls"
    stub = {"PYTHON": str(python), "CALLS": str(calls), "PATH": f"{python.parent}:{os.environ['PATH']}"}

    make(folder, "install", "lint", ".venv/lowest/.installed", ".venv/checkov/.installed", **stub)

    assert (folder / ".venv" / ".installed").exists()
    assert "ruff check ." in calls.read_text()
    assert "uv pip install --python .venv/bin/python --target .venv/lowest" in calls.read_text()

    make(folder, "clean", **stub)

    assert not (folder / ".venv").exists()
    assert not (folder / "node_modules").exists()
    for each in neighbours:
        assert (each / "canary").read_text() == "alive"
        assert (each / ".venv" / "canary").read_text() == "alive"

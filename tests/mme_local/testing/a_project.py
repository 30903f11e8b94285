"""A project of another team that uses the plugin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """One run of pytest.

    Attributes:
        status: of the process.
        output: all it printed.
    """

    status: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """Of the last line: ``{"passed": 2, "skipped": 1}``."""
        return {
            word: int(number) for number, word in re.findall(r"(\d+) (\w+)", self.output.splitlines()[-1])
        }


def run_pytest(folder: Path, tests: str, *, ini: str = "", conftest: str = "") -> Ran:
    """Run these tests in their own project."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (folder / "test_it.py").write_text(tests)
    if conftest:
        (folder / "conftest.py").write_text(conftest)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_", "MME_"))
    }
    plugins = ["-p", "mme_local.testing.plugin", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", *plugins, str(folder)],
        cwd=folder,
        env=inherited
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "constructs")])}
        # That project does not have the plugins of this repository's tests.
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
        # For the run file.
        | {"XDG_STATE_HOME": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout.strip())

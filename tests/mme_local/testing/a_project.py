"""A project of another team: its own folder, its own pytest, with the plugin."""

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
    """Run these tests in a project of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (folder / "test_it.py").write_text(tests)
    if conftest:
        (folder / "conftest.py").write_text(conftest)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_", "MME_"))
    }
    plugins = ["-p", "mme_local.testing.plugin", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", *plugins, str(folder)],
        cwd=folder,
        env=kept
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "constructs")])}
        # The plugins of this repository's own tests are none of that project's.
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
        # Where the runtime writes down that it runs.
        | {"XDG_STATE_HOME": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout.strip())

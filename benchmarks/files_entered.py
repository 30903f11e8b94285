"""How many of this project's files one command enters: `mme models add` and `mme invoke` of one small model.

Each command runs in its own process. `sys.setprofile` and `threading.setprofile` record the file of every
function that is called; module bodies and their comprehensions, which an import runs, do not count.

Run it: python -m benchmarks.files_entered [--list] [--json]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.local_aws import local_aws
from benchmarks.report import report

ROOT: Final = Path(__file__).parents[1]
MODEL: Final = ROOT / "model_registry" / "add_sub"
COMMANDS: Final = {
    "mme models add": (("models", "add", str(MODEL)), 30),
    "mme invoke": (
        ("invoke", "add_sub_v0.tar.gz", "--input", "INPUT0=1,2,3,4", "--input", "INPUT1=1,2,3,4"),
        20,
    ),
}
"""Arguments, and the goal: the most files to enter."""

_PROFILED: Final = """
import inspect, os, sys, threading
files, of_modules = set(), {"<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>"}
def profile(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and code.co_qualname not in of_modules:
        files.add(code.co_filename)
from mme.cli.main import main
threading.setprofile(profile)
sys.setprofile(profile)
try:
    main()
except SystemExit as ended:
    sys.setprofile(None)
    if ended.code:
        raise
print(*files, sep="\\n", file=open(os.environ["FILES_ENTERED"], "w"))
"""


def files_entered(arguments: tuple[str, ...], environment: Mapping[str, str], cache: Path) -> list[str]:
    """Run one command and return the files of this project whose functions it called.

    Args:
        arguments: What follows `mme`.
        environment: Variables of the command.
        cache: A directory for what the command caches.
    """
    found = cache / "files_entered"
    own = {"XDG_CACHE_HOME": str(cache), "FILES_ENTERED": str(found)}
    command = [sys.executable, "-c", _PROFILED, *arguments]
    subprocess.run(command, env={**environment, **own}, check=True, stdout=subprocess.DEVNULL, timeout=120)
    entered = {Path(line).resolve() for line in found.read_text().splitlines()}
    return sorted(str(one.relative_to(ROOT)) for one in entered if one.is_relative_to(ROOT / "mme"))


def main() -> None:
    """Measure and print."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, local_aws() as environment:
        for name, (arguments, goal) in COMMANDS.items():
            found = files_entered(arguments, environment, Path(folder))
            rows.append({"": name, "files": len(found), "goal": f"at most {goal}"})
            if "--list" in sys.argv[1:]:
                sys.stdout.write("\n".join([f"{name}:", *found, ""]))
    report("files entered", rows)


if __name__ == "__main__":
    main()

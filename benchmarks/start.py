"""How long `mme` takes to start: `mme --help`, and `mme models list` of 20 models.

The AWS behind the list is moto on localhost. Python's own start is given for comparison, and CPU time, which
other work on the machine and the answers of AWS change less.

Run it: python -m benchmarks.start [--json]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from statistics import median
from typing import Final

from benchmarks.local_aws import local_aws
from benchmarks.report import report

ROUNDS: Final = 11
MODELS: Final = 20
_ENTRY: Final = "from mme.cli.main import main; main()"
_COMMANDS: Final = {
    "python -c pass": (["pass"], None),
    "mme --help": ([_ENTRY, "--help"], 0.3),
    "mme models list": ([_ENTRY, "models", "list", "--json"], 1.0),
}


def main() -> None:
    """Measure and print."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMMANDS}
    with local_aws({f"m{number}_v0.tar.gz" for number in range(MODELS)}) as environment:
        for _ in range(ROUNDS):
            for name, (arguments, _goal) in _COMMANDS.items():
                taken[name].append(seconds([sys.executable, "-c", *arguments], environment))
    rows = [
        {
            "": name,
            "median, s": median(wall for wall, _ in taken[name]),
            "least, s": min(wall for wall, _ in taken[name]),
            "CPU time, s": median(processor for _, processor in taken[name]),
            "goal, s": goal,
        }
        for name, (_, goal) in _COMMANDS.items()
    ]
    report("starting", rows)


def seconds(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return wall time and CPU time of a command, its children included, in seconds.

    Args:
        command: Program and arguments.
        environment: Its whole environment.
    """
    before, began = processor_seconds(), time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=120)
    return time.perf_counter() - began, processor_seconds() - before


def processor_seconds() -> float:
    """Return the CPU seconds of ended child processes and their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

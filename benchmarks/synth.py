"""How long synthesis takes, against an app with one empty stack: `python -m benchmarks.synth`.

Every run is a process of its own, with this Python, the Node on PATH, the feature flags of cdk.json, bytecode
cached and CDK's built-in validation off. The cases take turns, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.synth_app import ALL, ALL_CHECKED, CASES, EMPTY, ONE, ONE_CHECKED

ROOT = Path(__file__).parents[1]


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds of each case in each round, after one round that only fills the bytecode cache."""
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(-1, rounds):
            for case in CASES:
                took = _synthesize(case, Path(scratch))
                if number >= 0:
                    seconds[case].append(took)
    return seconds


def _synthesize(case: str, scratch: Path) -> float:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "constructs")]),
        "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(dir=scratch) as outdir:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.synth_app", case, outdir],
            cwd=ROOT,
            env=environment,
            check=True,
            timeout=120,
        )
        return time.perf_counter() - begin


def summary(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Medians in seconds, and what is held against them."""
    medians = {case: median(found) for case, found in seconds.items()}
    return {
        **medians,
        "one environment / empty": medians[ONE] / medians[EMPTY],
        "all environments / empty": medians[ALL] / medians[EMPTY],
        "AwsSolutions adds to one, s": medians[ONE_CHECKED] - medians[ONE],
        "AwsSolutions adds to all, s": medians[ALL_CHECKED] - medians[ALL],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="runs of each app")
    parser.add_argument("--json", action="store_true", help="print JSON: medians, ratios and every run")
    arguments = parser.parse_args()
    seconds = measure(arguments.rounds)
    found = summary(seconds)
    if arguments.json:
        sys.stdout.write(json.dumps({"summary": found, "seconds": seconds}, indent=2) + "\n")
        return
    table = Table("what", "median", "fastest", title=f"Synthesis, {arguments.rounds} rounds")
    for name, value in found.items():
        fastest = f"{min(seconds[name]):.2f}" if name in seconds else ""
        table.add_row(name, f"{value:.2f}", fastest)
    Console().print(table)


if __name__ == "__main__":
    main()

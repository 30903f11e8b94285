"""How long synthesis takes, against an app with one empty stack.

Every run is a separate process, with this Python, the Node on PATH, the feature flags of cdk.json, bytecode
cached and CDK's built-in validation off. The cases take turns, so that a busy machine slows all of them; CPU
time (user and system, Node's too) suffers less from that than the clock's.

Run it: python -m benchmarks.synth [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import AS_JSON, report
from benchmarks.start import seconds
from benchmarks.synth_app import ALL, ALL_CHECKED, CASES, EMPTY, ONE, ONE_CHECKED

ROOT: Final = Path(__file__).parents[1]


def measure(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return the wall and CPU seconds of each case, after one round that fills the bytecode cache."""
    runs: dict[str, list[tuple[float, float]]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "constructs")]),
            "PYTHONPYCACHEPREFIX": f"{scratch}/bytecode",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(-1, rounds):
            for case in CASES:
                with tempfile.TemporaryDirectory(dir=scratch) as outdir:
                    run = seconds([sys.executable, "-m", "benchmarks.synth_app", case, outdir], environment)
                if number >= 0:
                    runs[case].append(run)
    return runs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="runs of each app, by default 9")
    parser.add_argument(AS_JSON, action="store_true", help="print JSON")
    rounds = parser.parse_args().rounds
    runs = measure(rounds)
    clock, processor = (
        {case: median(run[n] for run in found) for case, found in runs.items()} for n in (0, 1)
    )
    derived: dict[str, Callable[[dict[str, float]], float]] = {
        "one environment / empty": lambda found: found[ONE] / found[EMPTY],
        "all environments / empty": lambda found: found[ALL] / found[EMPTY],
        "AwsSolutions adds to one": lambda found: found[ONE_CHECKED] - found[ONE],
        "AwsSolutions adds to all": lambda found: found[ALL_CHECKED] - found[ALL],
    }
    rows = [{"": case, "wall time": clock[case], "CPU time": processor[case]} for case in CASES]
    rows += [{"": name, "wall time": of(clock), "CPU time": of(processor)} for name, of in derived.items()]
    report(f"synthesis, in seconds and ratios, medians of {rounds}", rows)


if __name__ == "__main__":
    main()

"""How long synthesis takes, against an app with one empty stack: `python -m benchmarks.synth`.

Every run is a separate process, with this Python, the Node on PATH, the feature flags of cdk.json, bytecode
cached and CDK's built-in validation off. The cases take turns, so that a busy machine slows all of them; the
processor's time (user and system, Node's too) suffers less from that than the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.synth_app import ALL, ALL_CHECKED, CASES, EMPTY, ONE, ONE_CHECKED

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """The duration of one synthesis, in seconds."""

    clock: float
    processor: float


def measure(rounds: int) -> dict[str, list[Run]]:
    """Run each case in each round, after one round that fills the bytecode cache."""
    runs: dict[str, list[Run]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(-1, rounds):
            for case in CASES:
                run = _synthesize(case, Path(scratch))
                if number >= 0:
                    runs[case].append(run)
    return runs


def _synthesize(case: str, scratch: Path) -> Run:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "constructs")]),
        "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(dir=scratch) as outdir:
        command = [sys.executable, "-m", "benchmarks.synth_app", case, outdir]
        used, begin = _processor(), time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
        return Run(clock=time.perf_counter() - begin, processor=_processor() - used)


def _processor() -> float:
    """Return the CPU seconds of ended child processes and their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summary(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return medians in seconds, and their ratios to the empty stack."""
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
    runs = measure(arguments.rounds)
    clock = {case: [run.clock for run in found] for case, found in runs.items()}
    processor = {case: [run.processor for run in found] for case, found in runs.items()}
    by_clock, by_processor = summary(clock), summary(processor)
    if arguments.json:
        facts = {
            "clock": {"summary": by_clock, "seconds": clock},
            "processor": {"summary": by_processor, "seconds": processor},
        }
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return
    table = Table("", "clock", "least", "processor", title=f"Synthesis, medians of {arguments.rounds}")
    for name, value in by_clock.items():
        least = f"{min(clock[name]):.2f}" if name in clock else ""
        table.add_row(name, f"{value:.2f}", least, f"{by_processor[name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

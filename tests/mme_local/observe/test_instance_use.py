"""Utilization of the machine, measured on this process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from mme_local.observe.instance_use import GpuUse, ProcessTrees, parse_gpus


def described(pid: int | None, **more: Any) -> dict[str, Any]:
    return {"id": "i-1", "pid": pid, "models": [], "disk_used_bytes": 25, "disk_bytes": 100} | more


def test_a_busy_process_uses_a_processor() -> None:
    clock = iter((0.0, 0.2)).__next__
    trees = ProcessTrees(clock)
    assert trees.measure([described(os.getpid())])["i-1"].cpu == 0
    start = os.times()
    while os.times().user - start.user < 0.15:
        pass
    # 0.15 s of work in what the clock calls 0.2 s
    assert trees.measure([described(os.getpid())])["i-1"].cpu >= 70


def test_child_processes_are_included() -> None:
    trees = ProcessTrees()
    alone = trees.measure([described(os.getpid())])["i-1"].memory
    child = subprocess.Popen(
        [sys.executable, "-c", "held = bytearray(200_000_000); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout
        child.stdout.readline()
        assert trees.measure([described(os.getpid())])["i-1"].memory > alone
    finally:
        child.communicate(b"\n", timeout=10)


def test_models_and_disk() -> None:
    models = [{"state": "ready"}, {"state": "loading"}, {"state": "ready"}]
    use = ProcessTrees().measure([described(None, models=models)])["i-1"]
    assert (use.loaded_models, use.disk, use.cpu, use.memory) == (2, 25, 0, 0)


@pytest.mark.parametrize(
    ("output", "use"),
    [
        ("17, 8192, 81920\n", GpuUse(17, 10)),
        ("50, 100, 200\n100, 200, 200\n", GpuUse(150, 150)),
        ("[N/A], 100, 200\n", None),
        ("", None),
        ("No devices were found\n", None),
    ],
)
def test_gpu_utilization_is_parsed(output: str, use: GpuUse | None) -> None:
    assert parse_gpus(output) == use

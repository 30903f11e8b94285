"""Utilization of processors, memory, disk and GPUs by each instance, in CloudWatch's percent."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import psutil

_GPU_SECONDS: Final = 5.0
_GPU_QUERY: Final = (
    "--query-gpu=utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True, slots=True)
class InstanceUse:
    """Utilization by one instance.

    Attributes:
        loaded_models: models in its memory.
        cpu: percent of one processor; the maximum is 100 times their number.
        memory: percent of this machine's memory.
        disk: percent of its disk for models.
    """

    loaded_models: int
    cpu: float
    memory: float
    disk: float


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Utilization of all GPUs of this machine together; the maximum is 100 times their number."""

    percent: float
    memory_percent: float


class ProcessTrees:
    """Measures containers with their child processes; processor time is measured between two calls.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._measured: dict[int, tuple[float, dict[int, float]]] = {}

    def measure(self, instances: Iterable[Mapping[str, Any]]) -> dict[str, InstanceUse]:
        """Return the utilization of each instance by its id, from what `Instance.describe` returns."""
        instances = list(instances)
        machine = psutil.virtual_memory().total
        uses = {}
        for instance in instances:
            cpu, resident = self._measure_tree(instance["pid"])
            uses[instance["id"]] = InstanceUse(
                loaded_models=sum(model["state"] == "ready" for model in instance["models"]),
                cpu=cpu,
                memory=min(100.0, 100 * resident / machine),
                disk=100 * instance["disk_used_bytes"] / instance["disk_bytes"],
            )
        running = {instance["pid"] for instance in instances}
        self._measured = {pid: one for pid, one in self._measured.items() if pid in running}
        return uses

    def _measure_tree(self, pid: int | None) -> tuple[float, int]:
        """Return percent of a processor since the last call, 0 at the first, and resident bytes."""
        if pid is None:
            return 0.0, 0
        now = self._clock()
        times: dict[int, float] = {}
        resident = 0
        try:
            parent = psutil.Process(pid)
            tree = [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return 0.0, 0
        for process in tree:
            try:
                used = process.cpu_times()
                resident += process.memory_info().rss
            except psutil.Error:
                continue  # it ended meanwhile
            times[process.pid] = used.user + used.system
        before, known = self._measured.get(pid, (now, times))
        self._measured[pid] = now, times
        spent = sum(max(0.0, seconds - known.get(each, 0.0)) for each, seconds in times.items())
        return (100 * spent / (now - before) if now > before else 0.0), resident


def measure_gpus() -> GpuUse | None:
    """Return the utilization of all GPUs; None without an NVIDIA GPU, or if it does not answer."""
    command = _nvidia_smi()
    if command is None:
        return None
    try:
        output = subprocess.run(
            [command, *_GPU_QUERY], capture_output=True, text=True, check=True, timeout=_GPU_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_gpus(output)


def parse_gpus(output: str) -> GpuUse | None:
    """Parse ``nvidia-smi``'s lines of load, used memory and total memory; None if they hold no numbers."""
    percent = memory = 0.0
    found = False
    for line in output.splitlines():
        try:
            load, used, total = (float(part) for part in line.split(","))
        except ValueError:
            continue  # "[N/A]", as a GPU split by MIG reports
        found = True
        percent += load
        memory += 100 * used / total if total else 0.0
    return GpuUse(percent, memory) if found else None


@cache
def _nvidia_smi() -> str | None:
    return shutil.which("nvidia-smi")

"""What instances use of this machine: processors, memory, disk and GPUs, as CloudWatch's percentages."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psutil

_GPU_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class InstanceUse:
    """One instance.

    Attributes:
        loaded_models: in its memory.
        cpu: percent of one processor, so up to 100 times their number.
        memory: percent of this machine's memory that its processes take.
        disk: percent of its disk for models.
    """

    loaded_models: int
    cpu: float
    memory: float
    disk: float


@dataclass(frozen=True, slots=True)
class GpuUse:
    """All GPUs of this machine together, up to 100 times their number."""

    percent: float
    memory_percent: float


class ProcessTrees:
    """Processor time of containers with their python processes, between two looks at them.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[float, dict[int, float]]] = {}

    def measure(self, instances: Iterable[Mapping[str, Any]]) -> dict[str, InstanceUse]:
        """The use of each instance by its id, from what `Instance.describe` tells of them."""
        instances = list(instances)
        machine = psutil.virtual_memory().total
        uses = {}
        for instance in instances:
            cpu, resident = self._tree(instance["pid"])
            uses[instance["id"]] = InstanceUse(
                loaded_models=sum(model["state"] == "ready" for model in instance["models"]),
                cpu=cpu,
                memory=min(100.0, 100 * resident / machine),
                disk=100 * instance["disk_used_bytes"] / instance["disk_bytes"],
            )
        alive = {instance["pid"] for instance in instances}
        self._seen = {pid: seen for pid, seen in self._seen.items() if pid in alive}
        return uses

    def _tree(self, pid: int | None) -> tuple[float, int]:
        """Percent of a processor since the last look, 0 at the first, and resident bytes."""
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
        before, known = self._seen.get(pid, (now, times))
        self._seen[pid] = now, times
        spent = sum(max(0.0, seconds - known.get(each, 0.0)) for each, seconds in times.items())
        return (100 * spent / (now - before) if now > before else 0.0), resident


def measure_gpus() -> GpuUse | None:
    """What all GPUs are used; None where there is no NVIDIA GPU, or none that answers."""
    command = _nvidia_smi()
    if command is None:
        return None
    try:
        said = subprocess.run(
            [
                command,
                "--query-gpu=utilization.gpu,memory.used,memory.total",
                "--format=csv,noheader,nounits",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GPU_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return read_gpus(said)


def read_gpus(said: str) -> GpuUse | None:
    """From ``nvidia-smi``'s lines of load, memory used and memory in all; None where it gives no numbers."""
    percent = memory = 0.0
    found = False
    for line in said.splitlines():
        try:
            load, used, total = (float(part) for part in line.split(","))
        except ValueError:
            continue  # "[N/A]", as a GPU split by MIG says
        found = True
        percent += load
        memory += 100 * used / total if total else 0.0
    return GpuUse(percent, memory) if found else None


@cache
def _nvidia_smi() -> str | None:
    return shutil.which("nvidia-smi")

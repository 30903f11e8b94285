"""What a plan assumes because AWS does not publish it. A load test measures most of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from mme.catalog.instances import InstanceType
from mme.errors import MmeError

GIB = 1024**3
GB = 1000**3


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """How instances and containers behave. `mme bench` measures the times; see docs/planning.md.

    Attributes:
        memory_gb: Memory for models of each instance, GB; 0 = by the instance type. The local endpoint has
            `MME_LOCAL_MEMORY_MIB`, whatever the type.
        memory_share: Share of an instance's memory (of its GPU's, if it has one) that holds models.
        weight_factor: Bytes in memory for each unpacked byte of a model.
        disk_gb: Disk for models on types without local storage, GB.
        download_seconds: Fixed part of a download, seconds.
        download_mb_per_second: Rate of a download, MB/s.
        load_seconds: Fixed part of a load into the container, seconds.
        load_mb_per_second: Rate of a load, MB of unpacked files per second.
        unload_seconds: An eviction, which a load waits for, seconds.
        service_ms: Mean time that the container works on a warm request, ms.
        service_cv: Coefficient of variation of that time; 0 = constant.
        overhead_ms: Time of a request outside the container, ms.
        workers: Requests that an instance works on at once; 0 = its vCPUs.
        spill_at: Requests in flight for one model at which a second instance loads it too.
    """

    memory_gb: float = 0.0
    memory_share: float = 0.8
    weight_factor: float = 1.5
    disk_gb: float = 256.0
    download_seconds: float = 0.1
    download_mb_per_second: float = 100.0
    load_seconds: float = 1.0
    load_mb_per_second: float = 500.0
    unload_seconds: float = 2.0
    service_ms: float = 20.0
    service_cv: float = 1.0
    overhead_ms: float = 5.0
    workers: int = 0
    spill_at: int = 8

    def __post_init__(self) -> None:
        positive = ("memory_share", "weight_factor", "disk_gb", "download_mb_per_second",
                    "load_mb_per_second", "service_ms", "spill_at")  # fmt: skip
        for one in fields(self):
            value = getattr(self, one.name)
            if not math.isfinite(value) or value < 0 or (value == 0 and one.name in positive):
                raise MmeError(
                    f"{one.name} can't be {value:g}; it must be a number above 0"
                    if one.name in positive
                    else f"{one.name} can't be {value:g}; it must be a number from 0",
                    hint=f"set {one.name}, for example to {one.default}",
                )
        if self.memory_share > 1:
            raise MmeError(
                f"memory_share can't be {self.memory_share:g}; it is a share of the instance's memory",
                hint="set it to at most 1, for example to 0.8",
            )

    def replaced(self, **given: Any) -> Assumptions:
        """Return these with other values; None leaves one as it is.

        Raises:
            MmeError: A value is not possible.
        """
        current = {one.name: getattr(self, one.name) for one in fields(self)}
        return Assumptions(**current | {name: value for name, value in given.items() if value is not None})

    def memory_bytes(self, kind: InstanceType) -> int:
        """Return the memory for models of an instance, in bytes.

        Loaded models stay on the disk, so a small disk limits the memory too.
        """
        gib = kind.gpu_memory_gib if kind.gpus else kind.memory_gib
        given = int(self.memory_gb * GB) or int(gib * GIB * self.memory_share)
        return min(given, int(self.disk_bytes(kind) * self.weight_factor))

    def disk_bytes(self, kind: InstanceType) -> int:
        """Return the disk for unpacked models of an instance, in bytes."""
        return int((kind.nvme_gb or self.disk_gb) * GB)

    def worker_count(self, kind: InstanceType) -> int:
        """Return how many requests an instance works on at once."""
        return self.workers or kind.vcpus

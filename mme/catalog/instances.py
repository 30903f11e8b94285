"""What an instance type has: processors, memory, GPUs and local disks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mme.catalog.records import record


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """One hosting instance type, such as `ml.g5.xlarge`.

    Attributes:
        name: As in SageMaker's API, with `ml.`.
        vcpus: Virtual processors.
        memory_gib: Main memory, GiB.
        arch: `x86_64` or `arm64`.
        nvme_gb: Local NVMe storage in GB; 0 = none, models are on an EBS volume.
        gpus: Number of GPUs.
        gpu: The GPU's model, such as `A10G`; empty = none.
        gpu_memory_gib: Memory of each GPU, GiB.
        compute_capability: NVIDIA compute capability, such as 8.6; 0 = no GPU.
        accelerator: Neither CPU nor GPU, such as `Inferentia2`; empty = none.
        mme_listed: Whether AWS's guide lists this GPU type for multi-model endpoints.
    """

    name: str
    vcpus: int
    memory_gib: float
    arch: str
    nvme_gb: int = 0
    gpus: int = 0
    gpu: str = ""
    gpu_memory_gib: int = 0
    compute_capability: float = 0.0
    accelerator: str = ""
    mme_listed: bool = False

    @property
    def family(self) -> str:
        """`ml.g5` of `ml.g5.xlarge`."""
        return self.name.rpartition(".")[0]

    @property
    def has_local_storage(self) -> bool:
        """Whether models are on NVMe, so that an endpoint config takes no volume size and no volume key."""
        return self.nvme_gb > 0


@cache
def instance_types() -> dict[str, InstanceType]:
    """Return every type of the catalog, by name. Source: `data/instances.json`."""
    return {name: InstanceType(name=name, **spec) for name, spec in record("instances")["types"].items()}


def instance_type(name: str) -> InstanceType | None:
    """Return a type's description; None if the catalog has none (see `hosting_types` for validity)."""
    return instance_types().get(name)


def largest_single_gpu(family: str) -> InstanceType | None:
    """Return the family's type with one GPU and the most vCPUs; None if all of its types have more GPUs."""
    candidates = [kind for kind in instance_types().values() if kind.family == family and kind.gpus == 1]
    return max(candidates, key=lambda kind: kind.vcpus, default=None)

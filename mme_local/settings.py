"""What can be set for the local runtime, by ``MME_LOCAL_*`` variables or flags of ``mme local up``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mme.aws.settings import LOCAL_PORT
from mme.catalog import limits
from mme.fleet import EvictionOrder, Placement


class LocalSettings(BaseSettings):
    """Settings of one runtime. The memory rule is an assumption: AWS publishes none.

    Attributes:
        port: the one localhost port; 0 takes a free one.
        memory_mib: memory of each instance for models, in MiB.
        weight_factor: a model weighs its unpacked bytes times this. Real use differs by
            framework, so this is an assumption to be set to what you see.
        disk_mib: disk of each instance for unpacked models, in MiB; no archive may unpack to more.
        eviction: which idle model leaves first: ``lru``, ``lfu`` or ``fifo``.
        disk_eviction: which unused archive leaves a full disk first, likewise.
        placement: where a model goes that no instance has: ``most-free``, ``least-busy`` or ``first``.
        payload_bytes: largest body of a request.
        load_seconds: most time for one download and load (AWS: 360).
        invoke_seconds: most time for one answer (AWS: 60).
        spill_at: requests in flight for one model at which a second instance loads it too.
        start_seconds: most time for a Triton to be up.
        containers: ``wheel`` serves every image by the wheel's Triton; ``docker`` starts the deployed image
            under Docker; ``auto`` does so where a daemon answers.
        metrics_seconds: between two publications of CloudWatch's metrics (AWS: 60).
        enforce_iam: check signatures and policies of callers whose identity is in embedded IAM.
    """

    model_config = SettingsConfigDict(env_prefix="MME_LOCAL_", extra="forbid", allow_inf_nan=False)

    port: int = Field(LOCAL_PORT, ge=0, le=65535)
    memory_mib: float = Field(1024, gt=0)
    weight_factor: float = Field(1.5, gt=0)
    disk_mib: float = Field(8192, gt=0)
    eviction: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    disk_eviction: EvictionOrder = EvictionOrder.LEAST_RECENTLY_USED
    placement: Placement = Placement.MOST_FREE
    payload_bytes: int = Field(limits.PAYLOAD_MAX_BYTES, ge=1)
    load_seconds: float = Field(limits.LOAD_TIMEOUT_SECONDS, gt=0)
    invoke_seconds: float = Field(limits.INVOKE_TIMEOUT_SECONDS, gt=0)
    spill_at: int = Field(8, ge=1)
    start_seconds: float = Field(30, gt=0)
    containers: Literal["wheel", "docker", "auto"] = "wheel"
    metrics_seconds: float = Field(60, gt=0)
    enforce_iam: bool = False

    @property
    def memory_bytes(self) -> int:
        """Memory of each instance for models, in bytes."""
        return max(1, int(self.memory_mib * 1024 * 1024))

    @property
    def disk_bytes(self) -> int:
        """Disk of each instance for unpacked models, in bytes."""
        return max(1, int(self.disk_mib * 1024 * 1024))

    def weigh(self, unpacked_bytes: int) -> int:
        """Bytes of memory that a model of this size is booked with."""
        return int(unpacked_bytes * self.weight_factor)

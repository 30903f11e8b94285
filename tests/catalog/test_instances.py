from __future__ import annotations

import datetime
import gzip
import importlib.resources
import json

import pytest

from mme.catalog.hosting_types import hosting_types
from mme.catalog.instances import instance_type, instance_types, largest_single_gpu
from mme.catalog.records import record
from tools.catalog.refresh_instances import catalog, render


def test_every_hosting_type_is_described_and_nothing_else() -> None:
    assert set(instance_types()) == set(hosting_types())


# SageMaker AI developer guide, `multi-model-endpoint-instance`: vCPU, GiB per vCPU, GPUs, GPU GiB.
_G_SIZES = {"xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "16xlarge": 64}
_PUBLISHED = [
    ("ml.p2.xlarge", 4, 15.25, 12),
    ("ml.p3.2xlarge", 8, 7.62, 16),
    *[(f"ml.g5.{size}", vcpus, 4, 24) for size, vcpus in _G_SIZES.items()],
    *[(f"ml.g4dn.{size}", vcpus, 4, 16) for size, vcpus in _G_SIZES.items()],
]


@pytest.mark.parametrize(("name", "vcpus", "gib_per_vcpu", "gpu_gib"), _PUBLISHED)
def test_the_published_gpu_table(name: str, vcpus: int, gib_per_vcpu: float, gpu_gib: int) -> None:
    kind = instance_type(name)
    assert kind is not None
    assert (kind.vcpus, kind.gpus, kind.gpu_memory_gib) == (vcpus, 1, gpu_gib)
    assert kind.memory_gib / kind.vcpus == pytest.approx(gib_per_vcpu, abs=0.01)
    assert kind.mme_listed


def test_only_the_published_gpu_types_are_listed() -> None:
    listed = {name for name, kind in instance_types().items() if kind.mme_listed}
    assert listed == {row[0] for row in _PUBLISHED}


@pytest.mark.parametrize(
    ("name", "vcpus", "memory", "nvme"),
    [
        ("ml.m5.large", 2, 8, 0),
        ("ml.m5d.24xlarge", 96, 384, 3600),
        ("ml.c5.9xlarge", 36, 72, 0),
        ("ml.r7i.48xlarge", 192, 1536, 0),
        ("ml.t2.medium", 2, 4, 0),
        ("ml.c4.large", 2, 3.75, 0),
        ("ml.g4dn.xlarge", 4, 16, 125),
    ],
)
def test_sizes_as_aws_publishes_them(name: str, vcpus: int, memory: float, nvme: int) -> None:
    kind = instance_type(name)
    assert kind is not None
    assert (kind.vcpus, kind.memory_gib, kind.nvme_gb) == (vcpus, memory, nvme)
    assert kind.has_local_storage == (nvme > 0)


@pytest.mark.parametrize("family", ["m5d", "c5d", "r5d", "m6gd", "g4dn", "g5", "g6", "g6e"])
def test_families_with_local_storage(family: str) -> None:
    kinds = [kind for kind in instance_types().values() if kind.family == f"ml.{family}"]
    assert kinds
    assert all(kind.has_local_storage for kind in kinds)


@pytest.mark.parametrize(
    ("family", "largest"),
    [("ml.g5", "ml.g5.16xlarge"), ("ml.p3", "ml.p3.2xlarge"), ("ml.p5", "ml.p5.4xlarge"), ("ml.p4d", None)],
)
def test_largest_single_gpu_type(family: str, largest: str | None) -> None:
    found = largest_single_gpu(family)
    assert (found.name if found else None) == largest


def test_every_gpu_type_has_its_gpus_capabilities() -> None:
    for kind in instance_types().values():
        assert bool(kind.gpus) == bool(kind.gpu) == bool(kind.compute_capability), kind.name


def test_the_data_file_is_what_the_refresh_script_writes() -> None:
    import moto

    recording = importlib.resources.files(moto) / "ec2/resources/instance_types.json.gz"
    described = json.loads(gzip.decompress(recording.read_bytes()))
    written = datetime.date.fromisoformat(record("instances")["date"])
    file = importlib.resources.files("mme.catalog") / "data/instances.json"
    assert file.read_text("utf-8") == render(catalog(described, written))


@pytest.mark.parametrize("name", ["instances", "images", "frameworks"])
def test_each_data_file_carries_source_and_date(name: str) -> None:
    content = record(name)
    assert datetime.date.fromisoformat(content["date"])
    assert all(content["sources"])

"""Refresh `data/instances.json` and `mme_cdk.InstanceType`: `python -m tools.catalog.refresh_instances`.

Run it by hand after upgrading botocore or moto, and read the diff. It joins three public sources:
botocore's list of hosting types, EC2's answer to `DescribeInstanceTypes` as moto ships it (the
`local` extra), and the table of GPU types in AWS's multi-model endpoint guide.
"""

from __future__ import annotations

import datetime
import gzip
import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

from mme.catalog.hosting_types import hosting_types
from mme.catalog.instances import instance_types
from mme.catalog.records import record

Spec = dict[str, Any]

CONSTANTS = Path(__file__).parents[2] / "constructs/mme_cdk/endpoint/instance_type.py"
_MODULE = '''"""Names of instance types, for completion; made by `tools.catalog.refresh_instances`."""

from __future__ import annotations

from typing import Final


class InstanceType:
    """Hosting types that may serve a multi-model endpoint: `InstanceType.G5_XLARGE` is `"ml.g5.xlarge"`.

    Props take any string, so types that are newer than this list work, too.
    """

'''

SOURCES = [
    "types: botocore, sagemaker service-2, enum ProductionVariantInstanceType",
    "vcpus, memory_gib, nvme_gb, gpus, arch: Amazon EC2, DescribeInstanceTypes, as shipped in moto's "
    "ec2/resources/instance_types.json.gz",
    "types that answer lacks (p2, p3, dl1, p6e-gb200): https://aws.amazon.com/ec2/previous-generation/ "
    "and the product pages of these families",
    "mme_listed, and the gpu_memory_gib of the GPUs in that table: SageMaker AI developer guide, "
    "multi-model-endpoint-instance",
    "compute_capability: https://developer.nvidia.com/cuda-gpus",
]

# SageMaker AI developer guide, `multi-model-endpoint-instance`: every GPU type listed there.
_ONE_GPU_SIZES = ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")
_MME_GPU_TABLE = frozenset(
    ["ml.p2.xlarge", "ml.p3.2xlarge"]
    + [f"ml.{family}.{size}" for family in ("g5", "g4dn") for size in _ONE_GPU_SIZES]
)

# The same table's memory for these GPUs, so that a family's listed and unlisted sizes agree.
_NOMINAL_MEMORY_GIB = {"K80": 12, "V100": 16, "T4": 16, "A10G": 24}

_COMPUTE_CAPABILITY = {
    "K80": 3.7,
    "V100": 7.0,
    "T4": 7.5,
    "A100": 8.0,
    "A10G": 8.6,
    "L4": 8.9,
    "L40S": 8.9,
    "H100": 9.0,
    "H200": 9.0,
    "B200": 10.0,
    "GB200": 10.0,
    "B300": 10.3,
    "RTX PRO 4500": 12.0,
    "RTX PRO Server 6000": 12.0,
}


def _gpus(count: int, name: str, memory_gib: int) -> Spec:
    return {"gpus": count, "gpu": name, "gpu_memory_gib": memory_gib}


_NOT_DESCRIBED: dict[str, Spec] = {
    "ml.p2.xlarge": {"vcpus": 4, "memory_gib": 61, **_gpus(1, "K80", 12)},
    "ml.p2.8xlarge": {"vcpus": 32, "memory_gib": 488, **_gpus(8, "K80", 12)},
    "ml.p2.16xlarge": {"vcpus": 64, "memory_gib": 732, **_gpus(16, "K80", 12)},
    "ml.p3.2xlarge": {"vcpus": 8, "memory_gib": 61, **_gpus(1, "V100", 16)},
    "ml.p3.8xlarge": {"vcpus": 32, "memory_gib": 244, **_gpus(4, "V100", 16)},
    "ml.p3.16xlarge": {"vcpus": 64, "memory_gib": 488, **_gpus(8, "V100", 16)},
    "ml.dl1.24xlarge": {"vcpus": 96, "memory_gib": 768, "nvme_gb": 4000, "accelerator": "Gaudi"},
    "ml.p6e-gb200.36xlarge": {
        "vcpus": 144,
        "memory_gib": 960,
        "nvme_gb": 22500,
        "arch": "arm64",
        **_gpus(4, "GB200", 185),
    },
}


def _number(value: float) -> float | int:
    """Return whole numbers without a decimal point, as AWS writes them."""
    return int(value) if float(value).is_integer() else round(value, 2)


def _described(answer: Spec) -> Spec:
    """Return one entry of EC2's answer in the catalog's terms."""
    spec: Spec = {
        "vcpus": answer["VCpuInfo"]["DefaultVCpus"],
        "memory_gib": _number(answer["MemoryInfo"]["SizeInMiB"] / 1024),
        "arch": "arm64" if "arm64" in answer["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
    }
    if "InstanceStorageInfo" in answer:
        spec["nvme_gb"] = answer["InstanceStorageInfo"]["TotalSizeInGB"]
    for gpu in answer.get("GpuInfo", {}).get("Gpus", []):
        memory = round(gpu["MemoryInfo"]["SizeInMiB"] / 1024)
        spec |= _gpus(gpu["Count"], gpu["Name"], _NOMINAL_MEMORY_GIB.get(gpu["Name"], memory))
    for key in ("NeuronInfo", "InferenceAcceleratorInfo"):
        if key in answer:
            first = next(iter(answer[key].values()))[0]
            spec["accelerator"] = first.get("Name", key)
    return spec


def catalog(described: dict[str, Spec], today: datetime.date) -> Spec:
    """Return the content of the file.

    Args:
        described: EC2's answers by EC2 type name.
        today: Date of the refresh.
    """
    types: dict[str, Spec] = {}
    for name in sorted(hosting_types()):
        ec2_name = name.removeprefix("ml.")
        if ec2_name in described:
            spec = _described(described[ec2_name])
        elif name in _NOT_DESCRIBED:
            spec = {"arch": "x86_64", **_NOT_DESCRIBED[name]}
        else:
            continue
        if name in _MME_GPU_TABLE:
            spec["mme_listed"] = True
        if "gpu" in spec:
            spec["compute_capability"] = _COMPUTE_CAPABILITY[spec["gpu"]]
        types[name] = spec
    return {"date": today.isoformat(), "sources": SOURCES, "types": types}


def render(content: Spec) -> str:
    """Return JSON with one instance type a line, so that a refresh is a readable diff."""
    head = {key: value for key, value in content.items() if key != "types"}
    lines = [f"    {json.dumps(name)}: {json.dumps(spec)}" for name, spec in content["types"].items()]
    return json.dumps(head, indent=2)[:-2] + ',\n  "types": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def render_constants() -> str:
    """Return the module of `mme_cdk.InstanceType`: every CPU type, and every type with one GPU."""
    names = [
        kind.name
        for kind in sorted(instance_types().values(), key=lambda kind: (kind.family, kind.vcpus))
        if not kind.accelerator and kind.gpus <= 1
    ]
    lines = [f'    {_constant(name)}: Final = "{name}"' for name in names]
    return _MODULE + "\n".join(lines) + "\n"


def _constant(name: str) -> str:
    return re.sub(r"[.-]", "_", name.removeprefix("ml.")).upper()


def main() -> None:
    """Read moto's recording and rewrite the data file of the checkout."""
    import moto

    recording = importlib.resources.files(moto) / "ec2/resources/instance_types.json.gz"
    described = json.loads(gzip.decompress(recording.read_bytes()))
    target = importlib.resources.files("mme.catalog") / "data/instances.json"
    with importlib.resources.as_file(target) as path:
        path.write_text(render(catalog(described, datetime.date.today())), encoding="utf-8")
    instance_types.cache_clear()
    record.cache_clear()
    CONSTANTS.write_text(render_constants(), encoding="utf-8")


if __name__ == "__main__":
    main()

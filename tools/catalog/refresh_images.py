"""Write `data/images.json` anew: `python -m tools.catalog.refresh_images sagemaker_core-*.whl`.

Run it by hand when AWS publishes images, and read the diff. It reads the image data inside the
`sagemaker-core` wheel, which is AWS's own SDK and no dependency of this project: download the wheel (`pip
download --no-deps sagemaker-core`) and give its path.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.resources
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mme.catalog.frameworks import frameworks
from mme.catalog.images import version_key

Spec = dict[str, Any]

_FOLDER = "sagemaker/core/image_uri_config"

# Triton's release notes and `server/build.py`, default TRITON_MIN_COMPUTE_CAPABILITY.
_TRITON_COMPUTE_CAPABILITY = [{"from": "0", "value": 6.0}, {"from": "25.03", "value": 7.5}]

# From this release on Triton's SageMaker server refuses a model's path that leads out of its folder.
_TRITON_PATHS_CONFINED_FROM = "26.03"


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where in the wheel a framework's images stand.

    Attributes:
        file: the JSON file's name.
        registry: whose accounts hold them; frameworks of one registry share its accounts.
        oldest: older versions are left out: they need a full uri. Older ones lie in other accounts, or
            AWS mends them no more.
    """

    file: str
    registry: str
    oldest: str


_SOURCES = {
    "triton": _Source(file="sagemaker-tritonserver", registry="deep-learning-containers", oldest="23.12"),
    "xgboost": _Source(file="xgboost", registry="framework-containers", oldest="1.2-1"),
    "scikit-learn": _Source(file="sklearn", registry="framework-containers", oldest="0.23-1"),
    "knn": _Source(file="knn", registry="built-in-algorithms", oldest="1"),
    "linear-learner": _Source(file="linear-learner", registry="built-in-algorithms", oldest="1"),
    "random-cut-forest": _Source(file="randomcutforest", registry="built-in-algorithms", oldest="1"),
    "pytorch": _Source(file="pytorch", registry="deep-learning-containers", oldest="1.12.1"),
    "tensorflow": _Source(file="tensorflow", registry="deep-learning-containers", oldest="2.8.4"),
    "mxnet": _Source(file="mxnet", registry="deep-learning-containers", oldest="1.7.0"),
}


def catalog(wheel: Path, today: datetime.date) -> Spec:
    """The whole file, from the wheel at this path.

    Raises:
        ValueError: the wheel contradicts itself or the catalog, so the data would mislead: one registry
            with two accounts in a region, or a repository other than `frameworks.json` has.
    """
    release = re.match(r"sagemaker_core-([\d.]+)-", wheel.name)
    if release is None:
        raise ValueError(f"{wheel.name} is not named like a sagemaker-core wheel")
    with zipfile.ZipFile(wheel) as archive:
        found = {
            name: _inference(json.loads(archive.read(f"{_FOLDER}/{source.file}.json")))
            for name, source in _SOURCES.items()
        }
    registries = _registries(found)
    images = {name: _image(name, scope, registries) for name, scope in found.items()}
    regions = {region for accounts in registries.values() for region in accounts}
    return {
        "date": today.isoformat(),
        "sources": [
            f"versions, tags, accounts: {_FOLDER} in the sagemaker-core {release[1]} wheel",
            "domain_suffixes: botocore, endpoints.json, dnsSuffix of the region's partition",
            "minimum_compute_capability: Triton Inference Server release notes, default "
            "TRITON_MIN_COMPUTE_CAPABILITY",
            "paths_confined_from: Triton Inference Server, src/sagemaker_server.cc",
        ],
        "domain_suffixes": _domain_suffixes(regions),
        "registries": registries,
        "images": images,
    }


def _inference(content: Spec) -> Spec:
    """The part about inference: files of one purpose have no such level."""
    scope: Spec = content.get("inference", content)
    return scope


def _kept(name: str, scope: Spec) -> dict[str, Spec]:
    """The versions to keep, oldest first."""
    oldest = version_key(_SOURCES[name].oldest)
    versions = {
        version: spec for version, spec in scope["versions"].items() if version_key(version) >= oldest
    }
    return dict(sorted(versions.items(), key=lambda item: version_key(item[0])))


def _registries(found: dict[str, Spec]) -> dict[str, dict[str, str]]:
    """Accounts by region of each registry: the union of what its frameworks say, which must agree."""
    registries: dict[str, dict[str, str]] = {}
    for name, scope in found.items():
        accounts = registries.setdefault(_SOURCES[name].registry, {})
        for version, spec in _kept(name, scope).items():
            for region, account in spec["registries"].items():
                if accounts.setdefault(region, account) != account:
                    raise ValueError(f"{name} {version} in {region}: {account}, elsewhere {accounts[region]}")
    return {name: dict(sorted(accounts.items())) for name, accounts in sorted(registries.items())}


def _image(name: str, scope: Spec, registries: dict[str, dict[str, str]]) -> Spec:
    """One framework's versions, with what is known about them."""
    source = _SOURCES[name]
    versions: dict[str, Spec] = {}
    for version, spec in _kept(name, scope).items():
        if spec["repository"] != frameworks()[name].repository:
            raise ValueError(f"{name} {version} is in {spec['repository']}: correct frameworks.json")
        absent = sorted(registries[source.registry].keys() - spec["registries"].keys())
        versions[version] = {"tags": _tags(name, version, scope, spec), "not_in": absent}
    image: Spec = {"registry": source.registry, "arch": "x86_64"}
    if name == "triton":
        image["minimum_compute_capability"] = _TRITON_COMPUTE_CAPABILITY
        image["paths_confined_from"] = _TRITON_PATHS_CONFINED_FROM
    return {**image, "versions": versions}


def _tags(name: str, version: str, scope: Spec, spec: Spec) -> dict[str, str]:
    """The tag by processor. Only builds that multi-model mode may use: GPU ones of Triton alone."""
    prefix = spec.get("tag_prefix", version)
    if name == "triton":
        # The SDK knows one tag; the CPU build beside it ends in -cpu.
        return {"gpu": prefix, "cpu": f"{prefix}-cpu"}
    processor = "cpu" if scope.get("processors") or spec.get("processors") else None
    python = spec["py_versions"][-1] if spec.get("py_versions") else None
    return {"cpu": "-".join(part for part in (prefix, processor, python) if part)}


def _domain_suffixes(regions: set[str]) -> dict[str, str]:
    """The DNS suffix of the regions where it is not `amazonaws.com`."""
    from botocore.loaders import Loader

    partitions = Loader().load_data("endpoints")["partitions"]
    suffixes = {
        region: partition["dnsSuffix"]
        for region in sorted(regions)
        for partition in partitions
        if re.fullmatch(partition["regionRegex"].strip("^$"), region)
    }
    if regions - suffixes.keys():
        raise ValueError(f"botocore knows no partition of {', '.join(sorted(regions - suffixes.keys()))}")
    return {region: suffix for region, suffix in suffixes.items() if suffix != "amazonaws.com"}


def render(content: Spec) -> str:
    """JSON with one region and one version a line, so that a refresh is a readable diff."""
    text = json.dumps(content, indent=2)
    # A version's own objects and lists are short: on one line each.
    return (
        re.sub(
            r'(?m)^(        "[^"]+": )(\{\n(?:          .*\n)+        \})',
            lambda match: match[1] + json.dumps(json.loads(match[2])),
            text,
        )
        + "\n"
    )


def main() -> None:
    """Read the wheel named on the command line and rewrite the data file of the checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="a sagemaker_core-*.whl")
    content = catalog(parser.parse_args().wheel, datetime.date.today())
    with importlib.resources.as_file(importlib.resources.files("mme.catalog") / "data/images.json") as path:
        path.write_text(render(content), encoding="utf-8")


if __name__ == "__main__":
    main()

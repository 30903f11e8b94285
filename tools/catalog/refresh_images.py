"""Refresh `data/images.json`: `python -m tools.catalog.refresh_images sagemaker_core-*.whl`.

Run it by hand when AWS publishes images, and read the diff. It reads the image data in the wheel of
`sagemaker-core`, AWS's SDK, which this project does not depend on: `pip download --no-deps sagemaker-core`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.resources
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from mme.catalog.frameworks import frameworks
from mme.catalog.images import version_key

Spec = dict[str, Any]

_FOLDER = "sagemaker/core/image_uri_config"


def catalog(wheel: Path, today: datetime.date) -> Spec:
    """Return the content of the file.

    Args:
        wheel: Path of a sagemaker-core wheel.
        today: Date of the refresh.

    Raises:
        ValueError: The wheel contradicts itself or the catalog: one registry has two accounts in a region, or
            a repository differs from `frameworks.json`.
    """
    release = re.match(r"sagemaker_core-([\d.]+)-", wheel.name)
    if release is None:
        raise ValueError(f"{wheel.name} is not named like a sagemaker-core wheel")
    with zipfile.ZipFile(wheel) as archive:
        scopes = {
            name: _inference(json.loads(archive.read(f"{_FOLDER}/{framework.image_source['file']}.json")))
            for name, framework in frameworks().items()
        }
    registries = _registries(scopes)
    images = {name: _image(name, scope, registries) for name, scope in scopes.items()}
    regions = {region for accounts in registries.values() for region in accounts}
    return {
        "date": today.isoformat(),
        "sources": [
            f"versions, tags, accounts: {_FOLDER} in the sagemaker-core {release[1]} wheel",
            "domain_suffixes: botocore, endpoints.json, dnsSuffix of the region's partition",
        ],
        "domain_suffixes": _domain_suffixes(regions),
        "registries": registries,
        "images": images,
    }


def _inference(content: Spec) -> Spec:
    """Return the part about inference; files with one purpose have no such level."""
    scope: Spec = content.get("inference", content)
    return scope


def _selected(name: str, scope: Spec) -> dict[str, Spec]:
    """Return the versions from the oldest that `frameworks.json` names on, oldest first."""
    oldest = version_key(frameworks()[name].image_source["oldest"])
    versions = {
        version: spec for version, spec in scope["versions"].items() if version_key(version) >= oldest
    }
    return dict(sorted(versions.items(), key=lambda item: version_key(item[0])))


def _registries(scopes: dict[str, Spec]) -> dict[str, dict[str, str]]:
    """Return each registry's accounts by region: the union of its frameworks', which must agree."""
    registries: dict[str, dict[str, str]] = {}
    for name, scope in scopes.items():
        accounts = registries.setdefault(frameworks()[name].image_source["registry"], {})
        for version, spec in _selected(name, scope).items():
            for region, account in spec["registries"].items():
                if accounts.setdefault(region, account) != account:
                    raise ValueError(f"{name} {version} in {region}: {account}, elsewhere {accounts[region]}")
    return {name: dict(sorted(accounts.items())) for name, accounts in sorted(registries.items())}


def _image(name: str, scope: Spec, registries: dict[str, dict[str, str]]) -> Spec:
    """Return one framework's versions."""
    framework = frameworks()[name]
    registry = framework.image_source["registry"]
    versions: dict[str, Spec] = {}
    for version, spec in _selected(name, scope).items():
        if spec["repository"] != framework.repository:
            raise ValueError(f"{name} {version} is in {spec['repository']}: correct frameworks.json")
        absent = sorted(registries[registry].keys() - spec["registries"].keys())
        versions[version] = {"tags": _tags(name, version, scope, spec), "not_in": absent}
    return {"registry": registry, "arch": "x86_64", "versions": versions}


def _tags(name: str, version: str, scope: Spec, spec: Spec) -> dict[str, str]:
    """Return the tag by processor, of builds that support multi-model mode: GPU builds of Triton only."""
    prefix = spec.get("tag_prefix", version)
    if frameworks()[name].gpu:
        # The SDK has one tag; the CPU build's ends in -cpu.
        return {"gpu": prefix, "cpu": f"{prefix}-cpu"}
    processor = "cpu" if scope.get("processors") or spec.get("processors") else None
    python = spec["py_versions"][-1] if spec.get("py_versions") else None
    return {"cpu": "-".join(part for part in (prefix, processor, python) if part)}


def _domain_suffixes(regions: set[str]) -> dict[str, str]:
    """Return the DNS suffix of the regions in which it is not `amazonaws.com`."""
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
    """Return JSON with one region and one version a line, so that a refresh is a readable diff."""
    text = json.dumps(content, indent=2)
    # A version's objects and lists are short: one line each.
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

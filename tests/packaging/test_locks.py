"""The hashed locks are in step with pyproject.toml."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BASE = PROJECT["project"]["dependencies"]
GROUPS = PROJECT["dependency-groups"]


def extra(name: str) -> list[str]:
    """The requirements of an extra, with those of the extras that it includes."""
    found = []
    for line in EXTRAS[name]:
        wanted = Requirement(line)
        own = wanted.name == PROJECT["project"]["name"]
        found += [each for included in sorted(wanted.extras) for each in extra(included)] if own else [line]
    return found


INPUTS = {
    "requirements.txt": BASE + extra("cdk") + extra("cli"),
    "requirements-lowest.txt": BASE + extra("cdk"),
    "requirements-dev.txt": BASE + extra("all") + GROUPS["dev"],
}
# Apart from this project's packages, whose pins they need not meet.
APART = {
    "requirements-checkov.txt": (ROOT / "requirements-checkov.in").read_text().split(),
    "requirements-fuzz.txt": (ROOT / "requirements-fuzz.in").read_text().split(),
    "requirements-models.txt": (ROOT / "requirements-models.in").read_text().split(),
    "requirements-supply-chain.txt": (ROOT / "requirements-supply-chain.in").read_text().split(),
    "requirements-benchmarks.txt": GROUPS["benchmarks"],
}
LOCKS = {**INPUTS, **APART}
OVERRIDES = (ROOT / "requirements-dev.overrides").read_text().splitlines()
OVERRIDDEN = {Requirement(line).name for line in OVERRIDES if not line.startswith("#")}


def entries(lock: str) -> list[tuple[Requirement, str]]:
    """Each pin with the text of its entry, hashes and origins included."""
    text = (ROOT / lock).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    return [(Requirement(block.split(" \\")[0].splitlines()[0]), block) for block in blocks if block.strip()]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_to_a_version_it_accepts(lock: str, python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.1"}
    pins = [pin for pin, _ in entries(lock) if pin.marker is None or pin.marker.evaluate(here)]
    for text in LOCKS[lock]:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate(here):
            continue
        found = [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
        assert found, f"{lock} lacks {text}: run make lock"
        for pin in found:
            version = Version(next(iter(pin.specifier)).version)
            assert version in wanted.specifier, f"{lock} pins {pin}, but {text} is required: run make lock"


@pytest.mark.parametrize("lock", INPUTS)
def test_every_pin_has_a_requirement(lock: str) -> None:
    direct = {
        canonicalize_name(pin.name)
        for pin, block in entries(lock)
        if re.search(r"# +(via )?sagemaker-mme \(pyproject\.toml", block)
    }
    wanted = {canonicalize_name(Requirement(text).name) for text in INPUTS[lock]}
    assert direct - OVERRIDDEN <= wanted, "run make lock"
    assert wanted <= direct | OVERRIDDEN, "run make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    for pin, block in entries(lock):
        assert [spec.operator for spec in pin.specifier] == ["=="], str(pin)
        assert "--hash=sha256:" in block, str(pin)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_host(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


def test_the_deployment_lock_agrees_with_the_full_one() -> None:
    full = {str(pin) for pin, _ in entries("requirements-dev.txt")}
    names = {canonicalize_name(pin.name) for pin, _ in entries("requirements-dev.txt")}
    for pin, _ in entries("requirements.txt"):
        if pin.name in OVERRIDDEN:
            continue
        assert canonicalize_name(pin.name) in names
        assert str(pin) in full, f"{pin} differs: run make lock"


@pytest.mark.parametrize("package", ["aws-cdk-lib", "cdk-nag"])
def test_the_lowest_lock_has_the_lowest_version_of_what_pyproject_takes(package: str) -> None:
    (wanted,) = (Requirement(text) for text in EXTRAS["cdk"] if Requirement(text).name == package)
    (lowest,) = (Version(bound.version) for bound in wanted.specifier if bound.operator == ">=")
    (pin,) = (pin for pin, _ in entries("requirements-lowest.txt") if pin.name == package)
    assert Version(next(iter(pin.specifier)).version) == lowest, "run make lock"


@pytest.mark.parametrize("page", ["README.md", "docs/constructs.md"])
def test_the_docs_state_the_lowest_aws_cdk_lib(page: str) -> None:
    (wanted,) = (Requirement(text) for text in EXTRAS["cdk"] if text.startswith("aws-cdk-lib"))
    (lowest,) = (bound.version for bound in wanted.specifier if bound.operator == ">=")
    assert f"aws-cdk-lib {lowest} or newer" in (ROOT / page).read_text()


def test_the_readme_installs_the_pinned_cdk_command() -> None:
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert f"npm install aws-cdk@{pinned}`" in (ROOT / "README.md").read_text()

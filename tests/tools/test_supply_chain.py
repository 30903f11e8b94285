"""Licences, advisories and the bill of materials; scripts replace the tools that `make security` runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools import supply_chain
from tools.supply_chain import closure, licence_faults, main


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return tmp_path


def tool(folder: Path, name: str, output: Any, *, status: int = 0, error: str = "") -> None:
    """A program that prints a report, or text."""
    text = output if isinstance(output, str) else json.dumps(output)
    script = f"import sys\nprint({text!r})\nprint({error!r}, file=sys.stderr)\nsys.exit({status})\n"
    (folder / name).write_text(f"#!/usr/bin/env python3\n{script}")
    (folder / name).chmod(0o755)


def test_the_closure_is_what_users_install() -> None:
    everything = closure()
    assert {"boto3", "aws-cdk-lib", "typer", "moto", "onnxruntime"} <= everything
    assert not {"pytest", "mypy", "ruff", "hypothesis", supply_chain.PROJECT} & everything
    base = closure(("",))
    assert "boto3" in base
    assert "typer" not in base
    assert "typer" in closure(("local",)), "an extra's extras count"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only", False),
        ("GNU General Public License v2 (GPLv2); MIT License", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("AGPL-3.0", False),
        ("Business Source License", False),
        ("Permission is hereby granted with LIMITED rights", False),
        ("UNKNOWN", False),
    ],
)
def test_only_permissive_licences_are_allowed(licence: str, allowed: bool) -> None:
    faults = licence_faults({"some": licence}, {})
    assert faults == (
        [] if allowed else [f"some has the licence {licence!r}; only permissive ones and MPL are allowed"]
    )


def test_an_exception_allows_its_package_and_must_be_needed() -> None:
    assert licence_faults({"Some_Package": "GPL-3.0-only"}, {"some-package": "why"}) == []
    assert licence_faults({}, {"some-package": "why"}) == ["the exception for some-package is not needed"]
    assert all(supply_chain.EXCEPTIONS.values())


def package(folder: Path, *lines: str) -> None:
    """Install a package that has these lines of metadata."""
    info = folder / "some-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "\n".join(("Metadata-Version: 2.4", "Name: some", "Version: 1", *lines)) + "\n"
    )


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (("License-Expression: MIT", "Classifier: License :: OSI Approved :: BSD License"), "MIT"),
        (
            (
                "License: as you like",
                "Classifier: License :: OSI Approved",
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: License :: OSI Approved :: Apache Software License",
            ),
            "MIT License; Apache Software License",
        ),
        (("License: GPL-3.0",), "GPL-3.0"),
        ((), "UNKNOWN"),
    ],
)
def test_the_licence_that_metadata_names(
    lines: tuple[str, ...], licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, *lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert supply_chain.licence_of("some") == licence


def test_the_licences_of_this_environment_are_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences"]) == 0
    assert capsys.readouterr().out.endswith(" 2 exceptions, no GPL\n")


def test_a_refused_licence_sets_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        supply_chain, "licence_of", lambda package: "AGPL-3.0" if package == "boto3" else "MIT"
    )
    assert main(["licences"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: boto3 has the licence 'AGPL-3.0'; only permissive ones and MPL"
    )


CHECKED = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found and could not be audited"}


@pytest.mark.parametrize(
    ("output", "error"),
    [({"dependencies": [CHECKED, SKIPPED], "fixes": []}, ""), ("", "ConnectionError: no route to the index")],
)
def test_what_was_not_checked_is_never_reported_as_clean(
    output: Any, error: str, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool(tools, "pip-audit", output, status=1 if error else 0, error=error)
    assert main(["advisories", "--tools", str(tools)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("advisories: not checked, ")
    assert "no locked package" not in said
    assert (error or "b: not found") in said
    assert main(["advisories", "--tools", str(tools), "--required"]) == 1
    assert capsys.readouterr().err.startswith("error: advisories: not checked")


def test_vulnerable_packages_are_named_with_the_fixed_version(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [{"id": "CVE-2026-1", "fix_versions": ["2"]}, {"id": "CVE-2026-2", "fix_versions": []}]
    tool(tools, "pip-audit", {"dependencies": [{**CHECKED, "vulns": found}, SKIPPED]}, status=1)
    assert main(["advisories", "--tools", str(tools)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: a 1 has CVE-2026-1; 2 fixes it",
        "a 1 has CVE-2026-2; no version fixes it",
    ]


def test_a_complete_check_is_reported_as_clean(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool(tools, "pip-audit", {"dependencies": [CHECKED]})
    assert main(["advisories", "--tools", str(tools), "--required"]) == 0
    assert capsys.readouterr().out == "advisories: no locked package has a known vulnerability\n"


def test_the_bill_of_materials_holds_the_runtime_closure_only(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"bom-ref": "root", "name": supply_chain.PROJECT}},
        "components": [{"bom-ref": f"{name}==1", "name": name} for name in ("Boto3", "pytest")],
        "dependencies": [
            {"ref": "root", "dependsOn": ["Boto3==1", "pytest==1"]},
            {"ref": "Boto3==1"},
            {"ref": "pytest==1", "dependsOn": ["Boto3==1"]},
        ],
    }
    tool(tools, "cyclonedx-py", document)
    monkeypatch.setattr(supply_chain, "ROOT", tmp_path)
    monkeypatch.setattr(supply_chain, "SBOM", tmp_path / "dist" / "sbom.cdx.json")
    assert main(["sbom", "--tools", str(tools)]) == 0
    written = json.loads((tmp_path / "dist" / "sbom.cdx.json").read_text())
    assert [one["name"] for one in written["components"]] == ["Boto3"]
    assert written["dependencies"] == [
        {"ref": "root", "dependsOn": ["Boto3==1"]},
        {"ref": "Boto3==1", "dependsOn": []},
    ]

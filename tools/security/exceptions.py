"""Acknowledged findings of cfn-lint and checkov in the metadata of templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Exemption:
    """An acknowledged check on one resource.

    Attributes:
        tool: `cfn-lint` or `checkov`.
        check: Id, such as `CKV_AWS_18`.
        template: File name of the template without suffixes.
        resource: Logical id; empty for the whole template.
        reason: Empty if missing.
    """

    tool: str
    check: str
    template: str
    resource: str
    reason: str


def exemptions(files: list[Path]) -> list[Exemption]:
    """Return all of them in these templates, sorted."""
    found = []
    for file in files:
        template = json.loads(file.read_text("utf-8"))
        name = file.name.removesuffix(".template.json")
        found += list(_of(template.get("Metadata", {}), name, ""))
        for resource, body in template["Resources"].items():
            found += list(_of(body.get("Metadata", {}), name, resource))
    return sorted(found)


def without_exemptions(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template without its metadata."""
    bare = {key: value for key, value in template.items() if key != "Metadata"}
    bare["Resources"] = {
        name: {key: value for key, value in body.items() if key != "Metadata"}
        for name, body in template["Resources"].items()
    }
    return bare


def _of(metadata: Mapping[str, Any], template: str, resource: str) -> Iterator[Exemption]:
    lint = metadata.get("cfn-lint", {})
    for check in lint.get("config", {}).get("ignore_checks", ()):
        yield Exemption("cfn-lint", check, template, resource, lint.get("reasons", {}).get(check, ""))
    for skip in metadata.get("checkov", {}).get("skip", ()):
        yield Exemption("checkov", skip["id"], template, resource, skip.get("comment", ""))

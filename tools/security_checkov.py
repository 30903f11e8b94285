"""Run checkov on every environment and on prod with a queue, with and without acknowledgements.

`python -m tools.security_checkov PATH-OF-CHECKOV` ends with status 1 on a finding that is not acknowledged,
on an acknowledgement without a reason, and on one without a finding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stacks.environments import ENVIRONMENTS
from tools.security.exceptions import exemptions, without_exemptions
from tools.security.synthesis import queued, templates

_LIMIT_SECONDS: Final = 300
_AS_IS, _BARE = "as-is", "bare"


@dataclass(frozen=True, order=True)
class Result:
    """A check of a resource: `AWS::S3::Bucket.Models1234ABCD` in a template."""

    check: str
    template: str
    resource: str

    def __str__(self) -> str:
        return f"{self.check} at {self.resource} of {self.template}"


def faults(report: Mapping[str, Any], reasons: Mapping[Result, str]) -> list[str]:
    """Return what is wrong in checkov's report on both kinds of templates.

    Args:
        report: checkov's JSON.
        reasons: Acknowledgements in the templates, with their reasons.
    """
    failed = set(_results(report, "failed_checks", _AS_IS))
    needed = set(_results(report, "failed_checks", _BARE))
    skipped = set(_results(report, "skipped_checks", _AS_IS))
    found = [f"{one}: fix it, or acknowledge it with a reason" for one in failed]
    found += [
        f"{one} is acknowledged without a reason" for one in skipped if not reasons.get(one, "").strip()
    ]
    found += [
        f"{one} is acknowledged, but not found: remove the acknowledgement" for one in {*reasons} - needed
    ]
    found += [f"{file}: checkov could not read it" for file in report["results"].get("parsing_errors", ())]
    return sorted(found)


def scanned(checkov: Path, folder: Path) -> dict[str, Any]:
    """Return checkov's report on the templates in a folder.

    Args:
        checkov: Its executable.
        folder: Searched recursively.

    Raises:
        subprocess.CalledProcessError: checkov failed, not because of a finding.
    """
    # Without requests to the vendor's servers.
    options = [
        "--framework",
        "cloudformation",
        "--skip-download",
        "--output",
        "json",
        "--soft-fail",
    ]
    command = [str(checkov), *options, "--directory", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_SECONDS)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _results(report: Mapping[str, Any], outcome: str, kind: str) -> Iterator[Result]:
    for one in report["results"][outcome]:
        file = Path(one["file_path"])
        if kind in file.parts:
            yield Result(one["check_id"], file.name.removesuffix(".template.json"), _logical(one["resource"]))


def _logical(resource: str) -> str:
    """`AWS::S3::Bucket.Models1234ABCD` is the logical id after its type."""
    return resource.rpartition(".")[2]


def main(arguments: list[str]) -> int:
    """Synthesize, scan and report; return the exit status."""
    parser = argparse.ArgumentParser(description="checkov on the templates of every environment.")
    parser.add_argument("checkov", type=Path, help="its executable")
    checkov: Path = parser.parse_args(arguments).checkov
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = templates(folder / "synthesized", (*ENVIRONMENTS, queued()))
        for file in files:
            template = json.loads(file.read_text("utf-8"))
            for kind, content in ((_AS_IS, template), (_BARE, without_exemptions(template))):
                place = folder / "scanned" / kind / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(json.dumps(content, indent=1), "utf-8")
        reasons = {
            Result(one.check, one.template, one.resource): one.reason
            for one in exemptions(files)
            if one.tool == "checkov"
        }
        report = scanned(checkov, folder / "scanned")
    found = faults(report, reasons)
    passed = len(list(_results(report, "passed_checks", _AS_IS)))
    sys.stdout.write(
        f"checkov {report['summary']['checkov_version']}: {len(files)} templates, {passed} checks passed, "
        f"{len(reasons)} acknowledged with a reason, {len(found)} faults\n"
    )
    for fault in found:
        sys.stderr.write(f"error: {fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

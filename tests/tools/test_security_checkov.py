"""Results of checkov's report; a script replaces checkov here, `make security` runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools import security_checkov
from tools.security.synthesis import environment, templates
from tools.security_checkov import Result, faults, main

LOGS = Result("CKV_AWS_18", "devStore", "Logs")
SKIPPED, FAILED = "skipped_checks", "failed_checks"


def entry(result: Result, kind: str) -> dict[str, str]:
    return {
        "check_id": result.check,
        "file_path": f"/{kind}/{result.template}.template.json",
        "resource": f"AWS::S3::Bucket.{result.resource}",
    }


def report(**results: list[dict[str, str]]) -> dict[str, Any]:
    return {"results": {"passed_checks": [], FAILED: [], SKIPPED: [], "parsing_errors": [], **results}}


def test_an_accepted_finding_passes() -> None:
    found = report(failed_checks=[entry(LOGS, "bare")], skipped_checks=[entry(LOGS, "as-is")])
    assert faults(found, {LOGS: "logs of logs"}) == []


def test_a_finding_that_nothing_accepts() -> None:
    found = report(failed_checks=[entry(LOGS, kind) for kind in ("as-is", "bare")])
    assert faults(found, {}) == ["CKV_AWS_18 at Logs of devStore: fix it, or acknowledge it with a reason"]


@pytest.mark.parametrize("reasons", [{}, {LOGS: "  "}])
def test_an_acceptance_without_a_reason(reasons: dict[Result, str]) -> None:
    found = report(failed_checks=[entry(LOGS, "bare")], skipped_checks=[entry(LOGS, "as-is")])
    assert faults(found, reasons) == ["CKV_AWS_18 at Logs of devStore is acknowledged without a reason"]


def test_an_acceptance_that_nothing_needs() -> None:
    assert faults(report(), {LOGS: "why"}) == [
        "CKV_AWS_18 at Logs of devStore is acknowledged, but not found: remove the acknowledgement"
    ]


def test_a_template_that_checkov_cannot_read() -> None:
    found = {**report(), "results": {**report()["results"], "parsing_errors": ["/as-is/x.template.json"]}}
    assert faults(found, {}) == ["/as-is/x.template.json: checkov could not read it"]


# Fails each bucket's CKV_AWS_18 unless its metadata skips it, as checkov does.
STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--directory") + 1])
results = {"passed_checks": [], "failed_checks": [], "skipped_checks": [], "parsing_errors": []}
for file in sorted(folder.glob("*/*.template.json")):
    for name, body in json.loads(file.read_text())["Resources"].items():
        if body["Type"] != "AWS::S3::Bucket":
            continue
        skips = [one["id"] for one in body.get("Metadata", {}).get("checkov", {}).get("skip", [])]
        logs = "LoggingConfiguration" in body["Properties"]
        kind = "passed" if logs else "skipped" if "CKV_AWS_18" in skips else "failed"
        results[f"{kind}_checks"].append({
            "check_id": "CKV_AWS_18",
            "file_path": f"/{file.relative_to(folder)}",
            "resource": f"AWS::S3::Bucket.{name}",
        })
print(json.dumps({"results": results, "summary": {"checkov_version": "stand-in"}}))
"""


@pytest.fixture
def checkov(tmp_path: Path) -> Path:
    file = tmp_path / "checkov"
    file.write_text(f"#!/usr/bin/env python3\n{STAND_IN}")
    file.chmod(0o755)
    return file


@pytest.fixture
def prod_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        security_checkov, "templates", lambda folder, _: templates(folder, (environment("prod"),))
    )


@pytest.mark.usefixtures("prod_alone")
def test_a_clean_run_counts(checkov: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(checkov)]) == 0
    out, err = capsys.readouterr()
    assert out == "checkov stand-in: 2 templates, 1 checks passed, 1 acknowledged with a reason, 0 faults\n"
    assert err == ""


@pytest.mark.usefixtures("prod_alone")
def test_a_fault_is_printed_and_sets_the_status(
    checkov: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A bucket without access logs and without an acknowledgement.
    def without_logging(folder: Path, _: object) -> list[Path]:
        files = templates(folder, (environment("prod"),))
        for file in files:
            content = json.loads(file.read_text())
            for resource in content["Resources"].values():
                resource.get("Properties", {}).pop("LoggingConfiguration", None)
            file.write_text(json.dumps(content))
        return files

    monkeypatch.setattr(security_checkov, "templates", without_logging)
    assert main([str(checkov)]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("1 faults\n")
    assert err.startswith("error: CKV_AWS_18 at ModelBucket")


def test_a_failing_checkov_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "checkov"
    broken.write_text("#!/bin/sh\nexit 2\n")
    broken.chmod(0o755)
    with pytest.raises(security_checkov.subprocess.CalledProcessError):
        security_checkov.scanned(broken, tmp_path)

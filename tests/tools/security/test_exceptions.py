"""Findings of cfn-lint and checkov that templates accept."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import App, Stack, aws_s3

from mme_cdk._internal.acknowledgements import acknowledge_checkov, acknowledge_lint
from tools.security.exceptions import Exemption, exemptions, without_exemptions


def synthesized(tmp_path: Path) -> list[Path]:
    app = App(outdir=str(tmp_path), analytics_reporting=False)
    stack = Stack(app, "S")
    stack.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W6001"]}}}
    bucket = aws_s3.CfnBucket(stack, "Bucket")
    acknowledge_lint(bucket, "W3005", "why")
    acknowledge_lint(bucket, "W3002", "also")
    acknowledge_checkov(bucket, "CKV_AWS_18", "because")
    acknowledge_checkov(bucket, "CKV_AWS_21", "so")
    app.synth()
    return [tmp_path / "S.template.json"]


def test_each_with_its_reason_and_without_one_if_it_has_none(tmp_path: Path) -> None:
    assert exemptions(synthesized(tmp_path)) == [
        Exemption("cfn-lint", "W3002", "S", "Bucket", "also"),
        Exemption("cfn-lint", "W3005", "S", "Bucket", "why"),
        Exemption("cfn-lint", "W6001", "S", "", ""),
        Exemption("checkov", "CKV_AWS_18", "S", "Bucket", "because"),
        Exemption("checkov", "CKV_AWS_21", "S", "Bucket", "so"),
    ]


def test_without_them_a_template_has_the_same_resources(tmp_path: Path) -> None:
    (file,) = synthesized(tmp_path)
    template = json.loads(file.read_text())
    bare = without_exemptions(template)
    assert "Metadata" in template["Resources"]["Bucket"]
    assert "Metadata" not in json.dumps(bare)
    assert bare["Resources"]["Bucket"]["Type"] == "AWS::S3::Bucket"

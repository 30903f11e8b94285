"""The pages' Python runs: the endpoint's in order, in one stack that synthesizes under AwsSolutions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks

import mme_cdk
from mme.catalog.metrics import endpoint_metrics
from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "constructs-endpoint.md").read_text("utf-8")
PAGE_OF_CONSTRUCTS = (DOCS / "constructs.md").read_text("utf-8")


def test_the_page_runs(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Docs")
    names: dict[str, Any] = {"stack": stack}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/constructs-endpoint.md", "exec"), names)  # noqa: S102
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises on a finding
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::SageMaker::Endpoint", 1)
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalingPolicy", 4)
    template.resource_count_is("AWS::Events::Rule", 2)


def test_the_page_names_every_metric() -> None:
    for name in endpoint_metrics():
        method = "_".join(re.findall(r"4XX|5XX|CPU|GPU|[A-Z][a-z]+", name)).lower()
        assert f"`{method}`" in PAGE


def test_the_first_endpoint_is_whole_and_clean(tmp_path: Path) -> None:
    page = PAGE_OF_CONSTRUCTS.split("## A first endpoint", 1)[1]
    (first,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:1]
    assert first.endswith("app.synth()\n")
    code = first.replace("App()", f"App(outdir={str(tmp_path)!r})").replace("app.synth()", "")
    names: dict[str, Any] = {}
    exec(compile(code, "docs/constructs.md", "exec"), names)  # noqa: S102
    Validations.of(names["app"]).add_plugins(AwsSolutionsChecks(names["app"]))
    names["app"].synth()  # raises on a finding
    Template.from_stack(names["stack"]).resource_count_is("AWS::SageMaker::Endpoint", 1)


def endpoint_of(scope: Stack, name: str, **props: Any) -> MultiModelEndpoint:
    """What `MultiModelEndpoint(..., prop=value)` of the page means: usual props, and these."""
    bucket = ModelBucket(scope, f"{name}Models")
    usual: dict[str, Any] = {
        "image": ServingImage.triton("26.05", processor="cpu"),
        "models": ModelStore.from_bucket(bucket, prefix="models/"),
        "instance_type": "ml.m5.xlarge",
    }
    return MultiModelEndpoint(scope, name, **usual | props)


def test_the_other_blocks_of_the_constructs_page_run(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "out"))
    stack = Stack(app, "Docs")
    (tmp_path / "scaler").mkdir()
    (tmp_path / "scaler" / "scale.py").write_text("def model_fn(folder): ...\n")
    vpc = ec2.Vpc(stack, "Vpc")
    names: dict[str, Any] = vars(mme_cdk) | {
        "self": stack,
        "ec2": ec2,
        "vpc": vpc,
        "bucket": ModelBucket(stack, "Scalers"),
        "cache": ec2.SecurityGroup(stack, "Cache", vpc=vpc),
        "caller": iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()),
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE_OF_CONSTRUCTS, re.DOTALL)[1:]
    for number, block in enumerate(blocks):
        names["endpoint_of"] = lambda number=number, **props: endpoint_of(stack, f"Endpoint{number}", **props)
        # Node, in which aws-cdk-lib runs, has another working directory.
        code = block.replace("MultiModelEndpoint(..., ", "endpoint_of(").replace(
            'source="scaler"', f"source={str(tmp_path / 'scaler')!r}"
        )
        exec(compile(code, "docs/constructs.md", "exec"), names)  # noqa: S102
    app.synth()
    Template.from_stack(stack).resource_count_is("AWS::SageMaker::Endpoint", len(blocks) - 1)

"""The pages' Python runs: the endpoint's in order, in one stack that synthesizes under AwsSolutions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks

from mme.catalog.metrics import endpoint_metrics

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

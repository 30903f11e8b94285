"""The commands and code of the README work unchanged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def python_after(heading: str) -> str:
    """The first Python block below a heading."""
    found = re.search(r"```python\n(.*?)```", README[README.index(heading) :], re.DOTALL)
    assert found
    return found.group(1)


@pytest.mark.slow
def test_the_cdk_example_synthesizes(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(python_after("## In your own CDK app"))
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env={
            "PATH": str(Path(sys.executable).parent),
            "CDK_OUTDIR": "cdk.out",
            "CDK_VALIDATION": "false",
            "HOME": str(tmp_path),
        },
        check=True,
        timeout=120,
    )
    template = json.loads((tmp_path / "cdk.out" / "Serving.template.json").read_text())
    assert {"EndpointName", "ModelBucketName", "ModelPrefix"} <= set(template["Outputs"])
    types = [resource["Type"] for resource in template["Resources"].values()]
    assert types.count("AWS::SageMaker::Endpoint") == 1


def test_every_linked_file_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    pages += [*(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("**/*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"

"""Finding a stack in a cloud assembly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mme.errors import MmeError
from mme.operate.preflight.assembly import SynthesizedStack, all_stacks, find_stack

Document = Callable[..., dict[str, Any]]
Assembly = Callable[..., Path]


def find(folder: Path, name: str = "mme-dev-serving", region: str | None = None) -> SynthesizedStack:
    return find_stack(folder, name, region=region, hint="cdk synth -c env=dev")


def test_a_stack_in_a_stage(assembly: Assembly) -> None:
    found = find(assembly({"Resources": {"A": {}}}, place="aws://111111111111/eu-west-1"))
    assert (found.name, found.display_name) == ("mme-dev-serving", "dev/Serving")
    assert (found.account, found.region) == ("111111111111", "eu-west-1")
    assert found.template == {"Resources": {"A": {}}}
    assert [one.name for one in all_stacks(found)] == ["mme-dev-store", "mme-dev-serving"]


def test_a_broken_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(MmeError, match=r"manifest\.json can't be read"):
        find(tmp_path)


def test_a_template_that_is_missing(assembly: Assembly) -> None:
    folder = assembly({})
    (folder / "assembly-dev" / "devServing.template.json").unlink()
    with pytest.raises(MmeError, match=r"the template .*devServing\.template\.json can't be read"):
        find(folder)


def test_a_missing_stack(assembly: Assembly) -> None:
    with pytest.raises(MmeError, match="which has mme-dev-store, mme-dev-serving") as caught:
        find(assembly({}), "mme-prod-serving")
    assert "or name another with --env, --stack or --app" in str(caught.value.hint)


def test_a_stack_of_another_region(assembly: Assembly) -> None:
    folder = assembly({}, place="aws://111111111111/eu-west-1")
    assert find(folder, region="eu-west-1").region == "eu-west-1"
    with pytest.raises(MmeError, match="into another region than us-east-1"):
        find(folder, region="us-east-1")


def test_the_same_name_in_two_regions(tmp_path: Path) -> None:
    artifacts = {
        f"Serving{region}": {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://111111111111/{region}",
            "properties": {"templateFile": f"{region}.json", "stackName": "serving"},
        }
        for region in ("eu-west-1", "us-east-1")
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (tmp_path / "us-east-1.json").write_text('{"Description": "there"}')
    with pytest.raises(MmeError, match="has 2 stacks named serving"):
        find(tmp_path, "serving")
    assert find(tmp_path, "serving", region="us-east-1").template == {"Description": "there"}

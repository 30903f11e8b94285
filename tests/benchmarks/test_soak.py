"""A short soak on real servers, with callers that leave, kills and a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.soak import Outcome, Plan, soak, why_not_fill
from mme_local.containers.triton.wheel import why_not_here


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a file system of 100 MiB the temporary folder."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this machine mounts no file system")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.nightly
@pytest.mark.triton
@pytest.mark.timeout(900)
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize(("container", "requests"), [("triton", 600), ("mms", 300)])
def test_every_request_is_answered_and_right(container: str, requests: int) -> None:
    # The disk holds all models, so nothing is deleted from it: once full, it stays full. By the default seed,
    # some models are requested first while it is.
    plan = Plan(
        requests=requests,
        models=32,
        room=16,
        kills=2,
        disconnects=20,
        full_disks=1,
        connections=8,
        container=container,
    )
    outcome = soak(plan)
    assert outcome.clean, outcome
    assert (outcome.kills, outcome.full_disks) == (2, 1)
    assert outcome.disconnects > requests / 10
    assert 0 < outcome.loaded_at_most <= plan.room
    assert outcome.right == requests


def test_only_a_small_disk_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(300 * 2**20, 0, 0))
    assert why_not_fill() is None
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(50 * 2**30, 0, 0))
    assert "has 50 GiB, and may have 1" in str(why_not_fill())


def test_growth_is_that_after_the_first_quarter() -> None:
    assert Outcome(0, memory_mib=[10, 50, 100, 100, 100, 100, 103, 103]).memory_growth_mib == 3
    assert Outcome(0, memory_mib=[1.0]).memory_growth_mib == 0


@pytest.mark.parametrize(("lost", "wrong"), [(0, 0), (1, 0), (0, 1)])
def test_a_lost_or_wrong_answer_is_not_clean(lost: int, wrong: int) -> None:
    assert Outcome(2, right=2 - lost - wrong, lost=lost, wrong=wrong).clean is (lost + wrong == 0)

"""A contract check of an image: its label, and the container that the check starts and removes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mme.errors import MmeError
from mme_local.containers.contract_check import LABEL, Outcome
from mme_local.containers.contract_target import ContractTarget, check_container
from tests.mme_local.containers.docker.fake_daemon import IMAGE, FakeDaemon


@pytest.mark.parametrize(("labels", "outcome"), [({LABEL: "true"}, Outcome.HOLDS), (None, Outcome.FAILS)])
def test_an_image(
    daemon: FakeDaemon, tmp_path: Path, labels: dict[str, str] | None, outcome: Outcome
) -> None:
    (tmp_path / "weights").write_text("1")
    daemon.images[IMAGE].labels = labels
    found = {one.rule: one.outcome for one in check_container(ContractTarget(image=IMAGE), tmp_path, None)}
    assert next(iter(found)) == "label"
    assert found["label"] is outcome
    assert {found["ping"], found["load"], found["unload"]} == {Outcome.HOLDS}
    assert daemon.made == 1
    assert not daemon.containers


def test_an_image_that_is_not_here(daemon: FakeDaemon, tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="other:1 is not on this machine"):
        check_container(ContractTarget(image="other:1"), tmp_path, None)
    assert daemon.made == 0

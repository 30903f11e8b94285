"""`make demo` on stock systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bare import roots

REASON = roots.missing()


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.skipif(REASON is not None, reason=f"building a stock system {REASON}")
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize(
    ("user", "checkout"), [("root", "mme"), ("user", "work stuff/Téléchargements/mme")], ids=["root", "user"]
)
def test_the_demo_runs_on_a_stock_system(suite: str, user: str, checkout: str, tmp_path: Path) -> None:
    system = roots.build(suite, roots.FOLDER)
    log = tmp_path / "log"
    assert roots.run(system, "make demo", log=log, user=user, checkout=checkout) == 0, log.read_text()

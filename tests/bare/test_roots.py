"""`make demo` and `make test` on stock systems, and the folder that holds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bare import roots


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("suite", roots.PYTHON)
@pytest.mark.parametrize(
    ("user", "checkout"), [("root", "mme"), ("user", "work stuff/Téléchargements/mme")], ids=["root", "user"]
)
def test_the_commands_of_the_readme_run_on_a_stock_system(
    suite: str, user: str, checkout: str, tmp_path: Path
) -> None:
    if reason := roots.missing(suite):
        pytest.skip(f"building {suite} {reason}")
    system = roots.build(suite, roots.FOLDER)
    log = tmp_path / "log"
    status = roots.run(system, "make demo && make test", log=log, user=user, checkout=checkout)
    assert status == 0, log.read_text()


def test_a_folder_that_others_control_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    (own / "trixie.built").touch()
    assert roots.build("trixie", own) == own / "trixie"
    link = tmp_path / "link"
    link.symlink_to(own)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for folder in (link, shared):
        with pytest.raises(PermissionError, match="can be written by others"):
            roots.build("trixie", folder)
    monkeypatch.setattr("os.geteuid", lambda: own.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        roots.build("trixie", own)

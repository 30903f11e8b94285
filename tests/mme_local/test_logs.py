from __future__ import annotations

from pathlib import Path

from mme_local.logs import shorten


def test_a_long_log_keeps_its_newer_half_and_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "e-AllTraffic-0.log"
    with log.open("ab") as container:
        container.write(b"".join(b"line %03d\n" % n for n in range(100)))
        container.flush()
        shorten(tmp_path, 900)
        assert not (tmp_path / "e-AllTraffic-0.log.1").exists()
        container.write(b"one more\n")
        container.flush()
        shorten(tmp_path, 900)
        kept = (tmp_path / "e-AllTraffic-0.log.1").read_bytes().splitlines()
        assert len(kept) == 49
        assert kept[-1] == b"one more"
        assert kept[0].startswith(b"line 0"), "a whole line"
        container.write(b"and on\n")
    assert log.read_bytes() == b"and on\n"


def test_no_folder_is_no_log(tmp_path: Path) -> None:
    shorten(tmp_path / "absent")

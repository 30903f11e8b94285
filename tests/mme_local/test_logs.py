from __future__ import annotations

from pathlib import Path

from mme_local.logs import rotate


def test_a_long_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "e-AllTraffic-0.log"
    with log.open("ab") as container:
        container.write(b"".join(b"line %03d\n" % n for n in range(100)))
        container.flush()
        rotate(tmp_path, 900)
        assert not (tmp_path / "e-AllTraffic-0.log.1").exists()
        container.write(b"one more\n")
        container.flush()
        rotate(tmp_path, 900)
        rotated = (tmp_path / "e-AllTraffic-0.log.1").read_bytes().splitlines()
        assert len(rotated) == 49
        assert rotated[-1] == b"one more"
        assert rotated[0].startswith(b"line 0"), "a whole line"
        container.write(b"and on\n")
    assert log.read_bytes() == b"and on\n"
